# libinvsrc: plain make, no generator. `make help` lists the targets.

VERSION := 0.1.0
SOVERSION := 0

CC ?= cc
PKG_CONFIG ?= pkg-config
PYTHON ?= python3
CFLAGS ?= -O2 -g -fstack-protector-strong
PREFIX ?= /usr/local
LIBDIR ?= $(PREFIX)/lib
INCLUDEDIR ?= $(PREFIX)/include
BINDIR ?= $(PREFIX)/bin
MANDIR ?= $(PREFIX)/share/man
COMPLETIONSDIR ?= $(PREFIX)/share/bash-completion/completions

# Where everything is built; B=build/asan and the like keep variants apart.
B ?= build

WARNINGS := -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Wstrict-prototypes \
  -Wmissing-prototypes -Wvla -Wwrite-strings
# WERROR= for compilers newer than the ones this is tested with.
WERROR ?= -Werror

CORE_PKGS := libcjson libcrypto liburiparser libutf8proc
PROVIDERS_PKGS := libcurl sqlite3 libcrypto libcjson
PROGRAM_PKGS := libmicrohttpd
ifeq ($(filter deps help clean uninstall format,$(MAKECMDGOALS)),)
CORE_LIBS := $(shell $(PKG_CONFIG) --libs $(CORE_PKGS))
PROVIDERS_LIBS := $(shell $(PKG_CONFIG) --libs $(PROVIDERS_PKGS)) -lpthread
PROGRAM_LIBS := $(shell $(PKG_CONFIG) --libs $(PROGRAM_PKGS)) -lpthread
TEST_LIBS = $(shell $(PKG_CONFIG) --libs cmocka)
PKG_CFLAGS := $(shell $(PKG_CONFIG) --cflags $(CORE_PKGS) $(PROVIDERS_PKGS) $(PROGRAM_PKGS))
endif

BASE_CFLAGS := -std=c11 -D_POSIX_C_SOURCE=200809L -Iinclude $(PKG_CFLAGS) $(WARNINGS) $(WERROR) -MMD -MP
LIB_CFLAGS := $(BASE_CFLAGS) -Ilib -fPIC -fvisibility=hidden
ALL_LDFLAGS = $(LDFLAGS) -Wl,-z,relro,-z,now,-z,defs
ifneq ($(findstring -fsanitize,$(CFLAGS)),)
ALL_LDFLAGS = $(LDFLAGS)
endif

objects = $(patsubst %.c,$B/obj/%.o,$(sort $(wildcard $(1))))
CORE_OBJECTS := $(call objects,lib/core/*.c)
INVSRC_OBJECTS := $(CORE_OBJECTS) $(call objects,lib/engine/*.c)
PROVIDERS_OBJECTS := $(call objects,lib/agents/*.c lib/providers/*.c)
TESTKIT_OBJECTS := $(call objects,lib/testkit/*.c)
PROGRAM_OBJECTS := $(call objects,src/*.c)

LIBRARIES := invsrc invsrc-providers invsrc-testkit
STATIC := $(LIBRARIES:%=$B/lib%.a)
SHARED := $(LIBRARIES:%=$B/lib%.so)
# The order in which a static link needs them.
STATIC_LINK := $B/libinvsrc-testkit.a $B/libinvsrc-providers.a $B/libinvsrc.a

.PHONY: all help deps demo check check-full bench install uninstall dist format lint clean coverage
.DELETE_ON_ERROR:

all: $(STATIC) $(SHARED) $B/invsrc

help:
	@echo 'all         the libraries and the program, in $(B)/ (default)'
	@echo 'deps        install what building and testing needs (Debian packages)'
	@echo 'demo        create inventory sources on SQLite and show what happens'
	@echo 'check       all tests that take minutes'
	@echo 'check-full  check, and the long hunts: sanitizers, valgrind, fuzzing, coverage'
	@echo 'bench       measurements'
	@echo 'install     to DESTDIR and PREFIX; uninstall takes it away'
	@echo 'dist        a source archive'
	@echo 'format lint coverage clean'

# ---- Libraries ---------------------------------------------------------------

$B/obj/lib/%.o: lib/%.c
	@mkdir -p $(@D)
	$(CC) $(LIB_CFLAGS) $(CFLAGS) -c -o $@ $<

# The program is a host like any other: it sees the public headers only.
$B/obj/src/%.o: src/%.c
	@mkdir -p $(@D)
	$(CC) $(BASE_CFLAGS) $(CFLAGS) -c -o $@ $<

$B/libinvsrc.a: $(INVSRC_OBJECTS)
$B/libinvsrc-providers.a: $(PROVIDERS_OBJECTS)
$B/libinvsrc-testkit.a: $(TESTKIT_OBJECTS)
# The pure helpers, for the other shared libraries to take private copies from.
$B/core.a: $(CORE_OBJECTS)
$(STATIC) $B/core.a:
	rm -f $@
	$(AR) rcs $@ $^

$B/libinvsrc.so: $(INVSRC_OBJECTS)
$B/libinvsrc-providers.so: $(PROVIDERS_OBJECTS) $B/libinvsrc.so $B/core.a
$B/libinvsrc-testkit.so: $(TESTKIT_OBJECTS) $B/libinvsrc.so $B/core.a
$B/libinvsrc.so: LINK = $(INVSRC_OBJECTS) $(CORE_LIBS)
$B/libinvsrc-providers.so: LINK = $(PROVIDERS_OBJECTS) -L$B -linvsrc $B/core.a $(PROVIDERS_LIBS) $(CORE_LIBS)
$B/libinvsrc-testkit.so: LINK = $(TESTKIT_OBJECTS) -L$B -linvsrc $B/core.a $(CORE_LIBS)
$(SHARED): $B/%.so: lib/%.map
	$(CC) -shared -Wl,-soname,$*.so.$(SOVERSION) -Wl,--version-script=lib/$*.map $(CFLAGS) \
	  $(ALL_LDFLAGS) -o $@.$(VERSION) $(LINK) -Wl,--as-needed
	ln -sf $*.so.$(VERSION) $@.$(SOVERSION)
	ln -sf $*.so.$(SOVERSION) $@

$B/invsrc: $(PROGRAM_OBJECTS) $(STATIC)
	$(CC) $(CFLAGS) $(ALL_LDFLAGS) -o $@ $(PROGRAM_OBJECTS) $B/libinvsrc-providers.a $B/libinvsrc.a \
	  $(PROGRAM_LIBS) $(PROVIDERS_LIBS) $(CORE_LIBS)

# ---- Tests -------------------------------------------------------------------

# A test program is one .c file below test/ that links the static libraries, and
# so can see what the shared ones hide. A test script is an executable *.test
# (check) or *.long (check-full) below test/. All of them print TAP.
UNIT_TESTS := $(patsubst test/%.c,$B/test/%,$(sort $(wildcard test/unit/*.c test/fault/*.c)))
TEST_TOOLS := $(patsubst test/%.c,$B/test/%,$(sort $(wildcard test/conformance/*.c test/bench/*.c)))
EXAMPLES := $(patsubst examples/%.c,$B/examples/%,$(sort $(wildcard examples/*.c)))
SCRIPTS := $(sort $(wildcard test/*/*.test))

$B/test/%: test/%.c $(STATIC)
	@mkdir -p $(@D)
	$(CC) $(BASE_CFLAGS) -Ilib -Itest $(CFLAGS) $(ALL_LDFLAGS) -o $@ $< $(STATIC_LINK) \
	  $(PROVIDERS_LIBS) $(CORE_LIBS) $(TEST_LIBS) -lm

# Examples are built as a user would: public headers, shared libraries.
$B/examples/%: examples/%.c $(SHARED)
	@mkdir -p $(@D)
	$(CC) $(BASE_CFLAGS) $(CFLAGS) $(ALL_LDFLAGS) -o $@ $< -L$B -linvsrc-testkit -linvsrc-providers \
	  -linvsrc -Wl,-rpath,'$$ORIGIN/..' $(TEST_LIBS) $(EXAMPLE_LIBS)

RUN_TESTS = BUILD='$B' CC='$(CC)' PKG_CONFIG='$(PKG_CONFIG)' PYTHON='$(PYTHON)' $(PYTHON) test/run.py

check: all $(UNIT_TESTS) $(TEST_TOOLS) $(EXAMPLES)
	$(RUN_TESTS) $(UNIT_TESTS) $(SCRIPTS)

-include $(shell find $B -name '*.d' 2>/dev/null)
