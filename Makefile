# libinvsrc: plain GNU make, no generator. `make help` lists the targets.

VERSION := 0.1.0
SOVERSION := 0

PKG_CONFIG ?= pkg-config
PYTHON ?= python3
INSTALL ?= install
CFLAGS ?= -O2 -g -fstack-protector-strong
PREFIX ?= /usr/local
LIBDIR ?= $(PREFIX)/lib
INCLUDEDIR ?= $(PREFIX)/include
BINDIR ?= $(PREFIX)/bin
MANDIR ?= $(PREFIX)/share/man
COMPLETIONSDIR ?= $(PREFIX)/share/bash-completion/completions

MAKEFLAGS += --no-print-directory

# Where everything is built; B=build/asan and the like keep variants apart.
B ?= build

WARNINGS := -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Wstrict-prototypes \
  -Wmissing-prototypes -Wvla -Wwrite-strings
# WERROR= for compilers newer than the ones this is tested with.
WERROR ?= -Werror

CORE_PKGS := libcrypto liburiparser libutf8proc
PROVIDERS_PKGS := libcurl sqlite3 libcrypto
POSTGRES_PKGS := libpq libcrypto
PROGRAM_PKGS := libmicrohttpd
TEST_PKGS := cmocka libcjson

# What pkg-config says is asked for when it is first used, and once: in
# `make deps check` that is after deps has installed it.
pkg = $(shell $(PKG_CONFIG) $(1))$(if $(filter-out 0,$(.SHELLSTATUS)),$(error `make deps` installs what is missing))
CORE_LIBS = $(eval CORE_LIBS := $$(call pkg,--libs $(CORE_PKGS)))$(CORE_LIBS)
PROVIDERS_LIBS = $(eval PROVIDERS_LIBS := $$(call pkg,--libs $(PROVIDERS_PKGS)) -lpthread)$(PROVIDERS_LIBS)
POSTGRES_LIBS = $(eval POSTGRES_LIBS := $$(call pkg,--libs $(POSTGRES_PKGS)) -lpthread)$(POSTGRES_LIBS)
PROGRAM_LIBS = $(eval PROGRAM_LIBS := $$(call pkg,--libs $(PROGRAM_PKGS)) -lpthread)$(PROGRAM_LIBS)
TEST_LIBS = $(eval TEST_LIBS := $$(call pkg,--libs $(TEST_PKGS)))$(TEST_LIBS)
TEST_CFLAGS = $(eval TEST_CFLAGS := $$(call pkg,--cflags $(TEST_PKGS)))$(TEST_CFLAGS)
PKG_CFLAGS = $(eval PKG_CFLAGS := $$(call pkg,--cflags $(CORE_PKGS) $(PROVIDERS_PKGS) $(POSTGRES_PKGS) $(PROGRAM_PKGS)))$(PKG_CFLAGS)

# V=1 shows whole commands.
Q = $(if $V,,@)
say = @$(if $V,:,printf '  %-5s %s\n' $(1) $@)

LANGUAGE := -std=c11 -D_XOPEN_SOURCE=700 -Iinclude
BASE_CFLAGS = $(LANGUAGE) $(PKG_CFLAGS) $(WARNINGS) $(WERROR) -MMD -MP -MF $@.d
LIB_CFLAGS = $(BASE_CFLAGS) -Ilib -fPIC -fvisibility=hidden
ALL_LDFLAGS = -Wl,-z,relro,-z,now -Wl,--as-needed $(LDFLAGS)
# A sanitizer's runtime is the program's, so that a library leaves its names open.
SHARED_LDFLAGS = $(ALL_LDFLAGS) $(if $(findstring -fsanitize,$(CFLAGS)),,-Wl,-z,defs)

objects = $(patsubst %.c,$B/obj/%.o,$(sort $(wildcard $(1))))
CORE_OBJECTS := $(call objects,lib/core/*.c)
INVSRC_OBJECTS := $(CORE_OBJECTS) $(call objects,lib/engine/*.c)
PROVIDERS_OBJECTS := $(call objects,lib/agents/*.c lib/providers/*.c)
POSTGRES_OBJECTS := $(call objects,lib/postgres/*.c)
TESTKIT_OBJECTS := $(call objects,lib/testkit/*.c)
PROGRAM_OBJECTS := $(call objects,src/*.c)

LIBRARIES := invsrc invsrc-providers invsrc-postgres invsrc-testkit
STATIC := $(LIBRARIES:%=$B/lib%.a)
SHARED := $(LIBRARIES:%=$B/lib%.so)
# The order in which a static link needs them.
STATIC_LINK := $B/libinvsrc-testkit.a $B/libinvsrc-postgres.a $B/libinvsrc-providers.a \
  $B/libinvsrc.a

.PHONY: all help deps demo examples check check-full check-gcc check-clang check-asan check-tsan \
  check-valgrind check-long fuzzers bench install uninstall dist format lint lint-format lint-tidy \
  lint-cppcheck coverage clean FORCE
.DELETE_ON_ERROR:

all: $(STATIC) $(SHARED) $B/invsrc $B/man/made

help:
	@echo 'all         the libraries, the program and the man pages, in $B/ (default)'
	@echo 'deps        install what building and testing needs (Debian packages; test peers from npm)'
	@echo 'examples    the small hosts, in $B/examples/'
	@echo 'demo        create inventory sources on SQLite and show what happens'
	@echo 'check       all tests that take minutes'
	@echo 'check-full  check with gcc and clang, sanitizers, valgrind, the long hunts, lint, coverage'
	@echo 'bench       measurements'
	@echo 'install     to DESTDIR and PREFIX (now $(PREFIX)); uninstall takes it away'
	@echo 'dist        a source archive of the last commit'
	@echo 'format      lay the sources out; lint looks for mistakes'
	@echo 'coverage    which lines the tests run'
	@echo 'clean       remove $B/'
	@echo 'V=1 shows whole commands; CC, CFLAGS and B (the build directory) are yours to set'

# ---- What is needed ----------------------------------------------------------

BUILD_PACKAGES := gcc libc6-dev make pkg-config libssl-dev liburiparser-dev \
  libutf8proc-dev libcurl4-openssl-dev libsqlite3-dev libpq-dev libmicrohttpd-dev
CHECK_PACKAGES := g++ clang binutils python3 libcmocka-dev libcjson-dev curl ca-certificates \
  openssl sqlite3 postgresql mandoc chromium
FULL_PACKAGES := clang-format clang-tidy cppcheck valgrind libc6-dbg libclang-rt-dev gcovr wrk \
  iproute2

# The test peers run on Node, from the npm registry's packages that the lock file names.
# One folder serves the build directories of all stages.
PEERS ?= $B/peers
export PEERS
PEERS_LOCK := test/peers/package-lock.json

deps:
	@missing=; \
	for package in $(BUILD_PACKAGES) $(CHECK_PACKAGES) $(FULL_PACKAGES); do \
	  dpkg-query -W -f='$${db:Status-Status}\n' $$package 2>/dev/null | grep -qx installed || \
	    missing="$$missing $$package"; \
	done; \
	command -v node > /dev/null || missing="$$missing nodejs"; \
	command -v npm > /dev/null || missing="$$missing npm"; \
	if [ -z "$$missing" ]; then echo 'deps: every package is installed'; exit 0; fi; \
	echo "deps: installing$$missing"; \
	as_root=; [ "$$(id -u)" = 0 ] || as_root=sudo; \
	export DEBIAN_FRONTEND=noninteractive; \
	$$as_root apt-get -qq update && \
	  $$as_root apt-get -qq -o Dpkg::Use-Pty=0 install -y --no-install-recommends $$missing > /dev/null
	@if cat $(PEERS_LOCK) test/peers/mend.mjs | cmp -s - $(PEERS)/installed; then \
	  echo 'deps: the test peers are installed'; exit 0; \
	fi; \
	echo 'deps: installing the test peers'; \
	mkdir -p $(PEERS) && rm -f $(PEERS)/installed && \
	  cp test/peers/.npmrc test/peers/package.json $(PEERS_LOCK) test/peers/mend.mjs $(PEERS) && \
	  (cd $(PEERS) && npm ci > /dev/null && node mend.mjs) && \
	  cat $(PEERS_LOCK) test/peers/mend.mjs > $(PEERS)/installed

# What else is asked for in the same run waits for deps.
FIRST := $(filter deps,$(MAKECMDGOALS))

# ---- Libraries ---------------------------------------------------------------

# Another compiler or other flags build anew, and so does a library whose list of
# sources has changed: no result depends on what was built before.
flags = $(CC) $(CFLAGS) $(LDFLAGS) $(WERROR)
sources = $(INVSRC_OBJECTS) $(PROVIDERS_OBJECTS) $(POSTGRES_OBJECTS) $(TESTKIT_OBJECTS) \
  $(PROGRAM_OBJECTS)
$B/flags $B/sources: FORCE | $(FIRST)
	@mkdir -p $(@D)
	@echo '$($(@F))' | cmp -s - $@ || echo '$($(@F))' > $@

$B/obj/lib/%.o: lib/%.c $B/flags
	@mkdir -p $(@D)
	$(call say,CC)
	$Q$(CC) $(LIB_CFLAGS) $(CFLAGS) -c -o $@ $<

# The program is a host like any other: it sees the public headers only.
$B/obj/src/%.o: src/%.c $B/flags
	@mkdir -p $(@D)
	$(call say,CC)
	$Q$(CC) $(BASE_CFLAGS) $(CFLAGS) -c -o $@ $<

$B/libinvsrc.a: $(INVSRC_OBJECTS)
$B/libinvsrc-providers.a: $(PROVIDERS_OBJECTS)
$B/libinvsrc-postgres.a: $(POSTGRES_OBJECTS)
$B/libinvsrc-testkit.a: $(TESTKIT_OBJECTS)
# The pure helpers, for the other shared libraries to take private copies from.
$B/core.a: $(CORE_OBJECTS)
$(STATIC) $B/core.a: $B/sources
	$(call say,AR)
	$Qrm -f $@
	$Q$(AR) rcs $@ $(filter %.o,$^)

$B/libinvsrc.so: $(INVSRC_OBJECTS)
$B/libinvsrc-providers.so: $(PROVIDERS_OBJECTS) $B/libinvsrc.so $B/core.a
$B/libinvsrc-postgres.so: $(POSTGRES_OBJECTS) $B/libinvsrc.so $B/core.a
$B/libinvsrc-testkit.so: $(TESTKIT_OBJECTS) $B/libinvsrc.so $B/core.a
$B/libinvsrc.so: LINK = $(INVSRC_OBJECTS) $(CORE_LIBS)
$B/libinvsrc-providers.so: LINK = $(PROVIDERS_OBJECTS) -L$B -linvsrc $B/core.a $(PROVIDERS_LIBS) $(CORE_LIBS)
$B/libinvsrc-postgres.so: LINK = $(POSTGRES_OBJECTS) -L$B -linvsrc $B/core.a $(POSTGRES_LIBS) $(CORE_LIBS)
$B/libinvsrc-testkit.so: LINK = $(TESTKIT_OBJECTS) -L$B -linvsrc $B/core.a $(CORE_LIBS) -lpthread
$(SHARED): $B/%.so: lib/%.map $B/sources
	$(call say,LINK)
	$Q$(CC) -shared -Wl,-soname,$*.so.$(SOVERSION) -Wl,--version-script=lib/$*.map $(CFLAGS) \
	  $(SHARED_LDFLAGS) -o $@.$(VERSION) $(LINK)
	$Qln -sf $*.so.$(VERSION) $@.$(SOVERSION)
	$Qln -sf $*.so.$(SOVERSION) $@

PROGRAM_ARCHIVES := $B/libinvsrc-postgres.a $B/libinvsrc-providers.a $B/libinvsrc.a
$B/invsrc: $(PROGRAM_OBJECTS) $(PROGRAM_ARCHIVES) $B/sources
	$(call say,LINK)
	$Q$(CC) $(CFLAGS) $(ALL_LDFLAGS) -o $@ $(PROGRAM_OBJECTS) $(PROGRAM_ARCHIVES) \
	  $(PROGRAM_LIBS) $(PROVIDERS_LIBS) $(POSTGRES_LIBS) $(CORE_LIBS)

# ---- Man pages ---------------------------------------------------------------

# A page is found by every name that its NAME section lists: the others are links.
MAN_PAGES := $(sort $(wildcard man/*.[137]))

$B/man/made: $(MAN_PAGES)
	@rm -rf $B/man && mkdir -p $B/man
	@for page in $(MAN_PAGES); do \
	  section=$${page##*.}; folder=man$$section; mkdir -p $B/man/$$folder; \
	  cp $$page $B/man/$$folder/; \
	  for name in $$(sed -n '/^\.Sh NAME/,/^\.Nd/s/^\.Nm \([^ ]*\).*/\1/p' $$page); do \
	    [ -f man/$$name.$$section ] || \
	      echo ".so $$folder/$${page#man/}" > $B/man/$$folder/$$name.$$section; \
	  done; \
	done
	@touch $@

# ---- Tests -------------------------------------------------------------------

# A test program is one .c file below test/ that links the static libraries, and
# so can see what the shared ones hide. A test script is an executable *.test
# (check) or *.long (check-full) below test/. All of them print TAP.
UNIT_TESTS := $(patsubst test/%.c,$B/test/%,$(sort $(wildcard test/unit/*.c test/fault/*.c)))
TEST_TOOLS := $(patsubst test/%.c,$B/test/%,$(sort $(wildcard test/conformance/*.c test/peers/*.c \
  test/bench/*.c test/postgres/*.c)))
EXAMPLES := $(patsubst examples/%.c,$B/examples/%,$(sort $(wildcard examples/*.c)))
# The one that takes longest is first, so that at the end the others do not wait for it.
LONGEST_SCRIPT := test/postgres/postgres.test
SCRIPTS := $(sort $(wildcard test/*/*.test))
LONG_SCRIPTS := $(sort $(wildcard test/*/*.long))

$B/test/%: test/%.c $(STATIC)
	@mkdir -p $(@D)
	$(call say,LINK)
	$Q$(CC) $(BASE_CFLAGS) $(TEST_CFLAGS) -Ilib -Itest $(CFLAGS) $(ALL_LDFLAGS) -o $@ $< $(STATIC_LINK) \
	  $(PROVIDERS_LIBS) $(POSTGRES_LIBS) $(CORE_LIBS) $(TEST_LIBS) $(OWN_LIBS) -lm
$B/test/bench/assembled: OWN_LIBS = $(PROGRAM_LIBS)

# Fuzz targets have their main function, and their way through the code, from libFuzzer.
FUZZERS := $(patsubst test/%.c,$B/test/%,$(sort $(wildcard test/fuzz/*.c)))
$B/test/fuzz/%: test/fuzz/%.c $(STATIC)
	@mkdir -p $(@D)
	$(call say,LINK)
	$Q$(CC) $(BASE_CFLAGS) -Ilib -Itest $(CFLAGS) -fsanitize=fuzzer $(ALL_LDFLAGS) -o $@ $< \
	  $(STATIC_LINK) $(PROVIDERS_LIBS) $(POSTGRES_LIBS) $(CORE_LIBS)
fuzzers: $(FUZZERS)

# Node looks for packages from where a script is, and nothing is written into test/.
PEER_SCRIPTS := $(patsubst test/peers/%,$(PEERS)/%,$(wildcard test/peers/*.mjs))
$(PEERS)/%.mjs: test/peers/%.mjs
	@mkdir -p $(@D)
	@cp $< $@

# Examples are built as a user would: public headers, shared libraries.
$B/examples/%: examples/%.c $(SHARED)
	@mkdir -p $(@D)
	$(call say,LINK)
	$Q$(CC) $(BASE_CFLAGS) $(CFLAGS) $(ALL_LDFLAGS) -o $@ $< -L$B -linvsrc-testkit -linvsrc-providers \
	  -linvsrc -Wl,-rpath,'$$ORIGIN/..' $(TEST_LIBS)

RUN_TESTS = BUILD='$B' CC='$(CC)' PKG_CONFIG='$(PKG_CONFIG)' PYTHON='$(PYTHON)' \
  PYTHONDONTWRITEBYTECODE=1 $(PYTHON) test/run.py

examples: $(EXAMPLES)

demo: all $(PEER_SCRIPTS)
	@BUILD='$B' examples/demo.sh

check: all $(UNIT_TESTS) $(TEST_TOOLS) $(EXAMPLES) $(PEER_SCRIPTS)
	@$(RUN_TESTS) $(LONGEST_SCRIPT) $(UNIT_TESTS) $(filter-out $(LONGEST_SCRIPT),$(SCRIPTS))

bench: all $(TEST_TOOLS)
	@BUILD='$B' CC='$(CC)' PYTHON='$(PYTHON)' test/bench/run

# ---- The long tests ----------------------------------------------------------

# Each stage is a target of its own, in a build directory of its own.
STAGES := check-gcc check-clang check-asan check-tsan check-valgrind check-long \
  lint-format lint-tidy lint-cppcheck coverage
SANITIZE := -O1 -g -fno-omit-frame-pointer -fno-sanitize-recover=all

check-full: | $(FIRST)
	+@MAKE='$(MAKE)' $(PYTHON) test/stages.py $(STAGES)

check-gcc:
	@$(MAKE) B=$B/gcc CC=gcc check

check-clang:
	@$(MAKE) B=$B/clang CC=clang check

check-asan:
	@$(MAKE) B=$B/asan CC=clang CFLAGS='$(SANITIZE) -fsanitize=address,undefined' \
	  ONLY='unit fault conformance' check-programs

check-tsan:
	@$(MAKE) B=$B/tsan CC=clang CFLAGS='$(SANITIZE) -fsanitize=thread' ONLY=unit check-programs

check-valgrind:
	@$(MAKE) B=$B/gcc CC=gcc ONLY=unit TEST_TIMEOUT=1800 check-programs \
	  WRAPPER='valgrind -q --leak-check=full --errors-for-leak-kinds=definite,indirect --error-exitcode=99'

check-long: all $(TEST_TOOLS) $(EXAMPLES) $(PEER_SCRIPTS)
	@$(MAKE) B=$B/fuzz CC=clang CFLAGS='$(SANITIZE) -fsanitize=fuzzer-no-link,address,undefined' fuzzers
	@$(RUN_TESTS) $(LONG_SCRIPTS)

# The tests that bring in one program all that a sanitizer must see. The search for
# secrets in the process's own memory would take a sanitizer's for it, and Python
# cannot load a library whose sanitizer it does not have.
PROGRAMS = $(filter-out %/secrets,$(filter $(ONLY:%=$B/test/%/%),$(UNIT_TESTS)))
PROGRAM_SCRIPTS = $(if $(WRAPPER),,$(LONGEST_SCRIPT)) $(if $(filter conformance,$(ONLY)),\
  $(filter-out %/python.test,$(wildcard test/conformance/*.test)))
.PHONY: check-programs
check-programs: all $(UNIT_TESTS) $(TEST_TOOLS)
	@TEST_WRAPPER="$(WRAPPER)" $(RUN_TESTS) $(PROGRAM_SCRIPTS) $(PROGRAMS)

CORE_LINES := 95
CORE_BRANCHES := 90
GCOVR = gcovr --root . --object-directory $B/coverage

coverage:
	@rm -rf $B/coverage
	@$(MAKE) B=$B/coverage CC=gcc CFLAGS='-O0 -g --coverage -fprofile-update=atomic' \
	  ONLY='unit fault conformance' check-programs
	@$(GCOVR) --filter lib/ --exclude lib/core/
	@$(GCOVR) --filter lib/core/ --branches
	@$(GCOVR) --filter lib/core/ --fail-under-line $(CORE_LINES) --fail-under-branch $(CORE_BRANCHES)

# ---- Form --------------------------------------------------------------------

C_FILES = $(wildcard include/invsrc/*.h lib/*/*.[ch] src/*.[ch] examples/*.c test/*.h test/*/*.[ch])

format:
	clang-format -i $(C_FILES)

lint: lint-format lint-tidy lint-cppcheck

lint-format:
	@clang-format --dry-run -Werror $(C_FILES)

# One file at a time: what it found in one confuses it about the next.
lint-tidy:
	@printf '%s\n' $(filter %.c,$(C_FILES)) | xargs -P 2 -I '{}' \
	  clang-tidy --quiet '{}' -- $(LANGUAGE) -Ilib -Itest $(PKG_CFLAGS) $(TEST_CFLAGS) 2>&1 | \
	  grep -v 'warnings\? generated' | { ! grep .; }

# Not asked: where a variable is declared (taste), and two checks that are mistaken
# about conditions in loops and in other files.
CPPCHECK_OFF := missingIncludeSystem variableScope knownConditionTrueFalse ctuuninitvar

lint-cppcheck:
	@cppcheck --quiet --std=c11 --enable=warning,style,performance,portability --inline-suppr \
	  $(CPPCHECK_OFF:%=--suppress=%) --error-exitcode=1 -D__GNUC__ -Iinclude -Ilib lib src examples

# ---- To the system -----------------------------------------------------------

PC_FILES := $(LIBRARIES:%=lib%.pc)
TO := $(DESTDIR)
# A pkg-config file that can be moved names folders by its prefix.
below_prefix = $(patsubst $(PREFIX)/%,$${prefix}/%,$(1))
MAN_FOLDERS := man1 man3 man7

install: all
	$(INSTALL) -d $(TO)$(INCLUDEDIR)/invsrc $(TO)$(LIBDIR)/pkgconfig $(TO)$(BINDIR) \
	  $(TO)$(COMPLETIONSDIR) $(MAN_FOLDERS:%=$(TO)$(MANDIR)/%)
	$(INSTALL) -m 644 include/invsrc/*.h $(TO)$(INCLUDEDIR)/invsrc
	$(INSTALL) -m 644 $(STATIC) $(TO)$(LIBDIR)
	$(INSTALL) -m 755 $(SHARED:%=%.$(VERSION)) $(TO)$(LIBDIR)
	cp -P $(SHARED) $(SHARED:%=%.$(SOVERSION)) $(TO)$(LIBDIR)
	for pc in $(PC_FILES); do \
	  sed -e 's|@PREFIX@|$(PREFIX)|' -e 's|@LIBDIR@|$(call below_prefix,$(LIBDIR))|' \
	    -e 's|@INCLUDEDIR@|$(call below_prefix,$(INCLUDEDIR))|' -e 's|@VERSION@|$(VERSION)|' \
	    -e 's|@CORE_LIBS@|$(CORE_LIBS)|' pkgconfig/$$pc.in > $(TO)$(LIBDIR)/pkgconfig/$$pc; \
	done
	for folder in $(MAN_FOLDERS); do \
	  $(INSTALL) -m 644 $B/man/$$folder/* $(TO)$(MANDIR)/$$folder; \
	done
	$(INSTALL) -m 755 $B/invsrc $(TO)$(BINDIR)
	$(INSTALL) -m 644 src/invsrc.bash-completion $(TO)$(COMPLETIONSDIR)/invsrc

uninstall: $B/man/made
	rm -rf $(TO)$(INCLUDEDIR)/invsrc
	rm -f $(addprefix $(TO)$(LIBDIR)/,$(foreach end,a so so.$(SOVERSION) so.$(VERSION),\
	  $(LIBRARIES:%=lib%.$(end))) $(PC_FILES:%=pkgconfig/%))
	for folder in $(MAN_FOLDERS); do \
	  for page in $B/man/$$folder/*; do rm -f $(TO)$(MANDIR)/$$folder/$${page##*/}; done; \
	done
	rm -f $(TO)$(BINDIR)/invsrc $(TO)$(COMPLETIONSDIR)/invsrc

# The same commit gives the same bytes.
dist:
	@mkdir -p $B
	git archive --format=tar --prefix=libinvsrc-$(VERSION)/ HEAD | gzip -9n > $B/libinvsrc-$(VERSION).tar.gz

clean:
	rm -rf $B

-include $(addsuffix .d,$(sources) $(UNIT_TESTS) $(TEST_TOOLS) $(EXAMPLES) $(FUZZERS))
