"""libinvsrc for Python: ctypes and the standard library, nothing to compile.

    import invsrc

    with invsrc.Service("sources.db", "master.keys", "registry.json") as service:
        status, headers, body = service.create("acme", request_body)
        status, headers, body = service.update("acme", "my-source", b'{"status": "ACTIVE"}')

The shared libraries are looked for in the folder that INVSRC_LIBRARY_PATH names,
else where the system looks. A service may be used from many threads at once; calls
into the library release the interpreter's lock.
"""
import ctypes
import os
from ctypes import POINTER, byref, c_char_p, c_int32, c_uint32, c_uint64, c_void_p

OK = 0
_OBJECT = c_void_p
_OUT = POINTER(c_void_p)
_TEXT = (c_char_p, c_uint64)  # pointer and length, in bytes

# name: (what it returns, what it takes); None returns nothing
_CORE = {
    "version": (c_char_p, ()),
    "strerror": (c_char_p, (c_int32,)),
    "error_new": (_OBJECT, ()),
    "error_free": (None, (_OBJECT,)),
    "error_message": (c_char_p, (_OBJECT,)),
    "options_new": (_OBJECT, ()),
    "options_free": (None, (_OBJECT,)),
    "options_set_authenticator": (c_int32, (_OBJECT, c_void_p, c_void_p)),
    "options_set_registry": (c_int32, (_OBJECT, c_void_p, c_void_p)),
    "options_set_sealer": (c_int32, (_OBJECT, c_void_p, c_void_p)),
    "options_set_store": (c_int32, (_OBJECT, c_void_p, c_void_p)),
    "options_set_prober": (c_int32, (_OBJECT, c_void_p, c_void_p)),
    "options_set_envelope": (c_int32, (_OBJECT, c_int32)),
    "options_set_allow_http": (c_int32, (_OBJECT, c_int32)),
    "options_set_allow_private": (c_int32, (_OBJECT, c_int32)),
    "options_set_max_body": (c_int32, (_OBJECT, c_uint64)),
    "service_new": (c_int32, (_OBJECT, _OUT, _OBJECT)),
    "service_free": (None, (_OBJECT,)),
    "request_new": (_OBJECT, ()),
    "request_free": (None, (_OBJECT,)),
    "request_set_method": (c_int32, (_OBJECT, *_TEXT)),
    "request_set_target": (c_int32, (_OBJECT, *_TEXT)),
    "request_add_header": (c_int32, (_OBJECT, *_TEXT, *_TEXT)),
    "request_set_body": (c_int32, (_OBJECT, *_TEXT)),
    "handle": (c_int32, (_OBJECT, _OBJECT, _OUT, _OBJECT)),
    "create": (c_int32, (_OBJECT, *_TEXT, *_TEXT, _OUT, _OBJECT)),
    "get": (c_int32, (_OBJECT, *_TEXT, *_TEXT, _OUT, _OBJECT)),
    "list": (c_int32, (_OBJECT, *_TEXT, c_uint64, c_uint64, _OUT, _OBJECT)),
    "update": (c_int32, (_OBJECT, *_TEXT, *_TEXT, *_TEXT, _OUT, _OBJECT)),
    "remove": (c_int32, (_OBJECT, *_TEXT, *_TEXT, _OUT, _OBJECT)),
    "validate_create": (c_int32, (_OBJECT, *_TEXT, _OUT)),
    "response_free": (None, (_OBJECT,)),
    "response_status": (c_int32, (_OBJECT,)),
    "response_header_count": (c_uint32, (_OBJECT,)),
    "response_header_name": (c_char_p, (_OBJECT, c_uint32)),
    "response_header_value": (c_char_p, (_OBJECT, c_uint32)),
    "response_body": (c_void_p, (_OBJECT, POINTER(c_uint64))),
    "slugify": (c_int32, (*_TEXT, c_char_p, c_uint64, POINTER(c_uint64))),
    "uri_canonicalize": (c_int32, (*_TEXT, c_char_p, c_uint64, POINTER(c_uint64), _OBJECT)),
    "buffer_new": (_OBJECT, ()),
    "buffer_bytes": (c_void_p, (_OBJECT, POINTER(c_uint64))),
    "buffer_free": (None, (_OBJECT,)),
}
_PROVIDERS = {
    "sqlite_open": (c_int32, (c_char_p, _OUT, _OBJECT)),
    "sqlite_free": (None, (_OBJECT,)),
    "sqlite_store": (c_void_p, ()),
    "sqlite_authenticator": (c_void_p, ()),
    "sqlite_apikey_add": (c_int32, (_OBJECT, c_char_p, c_char_p, _OBJECT, _OBJECT)),
    "keyring_load": (c_int32, (c_char_p, _OUT, _OBJECT)),
    "keyring_free": (None, (_OBJECT,)),
    "keyring_sealer": (c_void_p, ()),
    "registry_file_new": (c_int32, (c_char_p, _OUT, _OBJECT)),
    "registry_file_free": (None, (_OBJECT,)),
    "registry_file_registry": (c_void_p, ()),
    "curl_new": (c_int32, (_OUT, _OBJECT)),
    "curl_free": (None, (_OBJECT,)),
    "curl_set_allow_http": (c_int32, (_OBJECT, c_int32)),
    "curl_set_allow_private": (c_int32, (_OBJECT, c_int32)),
    "agents_new": (c_int32, (_OBJECT, _OUT, _OBJECT)),
    "agents_free": (None, (_OBJECT,)),
    "agents_prober": (c_void_p, ()),
}


class Error(Exception):
    """A function of the library failed; `code` is one of its negative codes."""

    def __init__(self, code, message):
        super().__init__(message)
        self.code = code


class _Library:
    """The functions, by their names without "invsrc_"."""

    def __init__(self):
        self._load("libinvsrc.so.0", _CORE)
        self._load("libinvsrc-providers.so.0", _PROVIDERS)

    def _load(self, name, functions):
        folder = os.environ.get("INVSRC_LIBRARY_PATH")
        library = ctypes.CDLL(os.path.join(folder, name) if folder else name,
                              mode=ctypes.RTLD_GLOBAL)
        for function, (result, arguments) in functions.items():
            found = getattr(library, "invsrc_" + function)
            found.restype, found.argtypes = result, arguments
            setattr(self, function, found)


_library = _Library()


def _call(function, *arguments):
    """Calls a function that ends with an error object, and raises what it reports."""
    error = _library.error_new()
    try:
        code = function(*arguments, error)
        if code != OK:
            message = _library.error_message(error) or _library.strerror(code)
            raise Error(code, message.decode())
    finally:
        _library.error_free(error)


def _check(code):
    if code != OK:
        raise Error(code, _library.strerror(code).decode())


def _bytes(pointer_of, owner):
    """The bytes that a getter points to, copied."""
    length = c_uint64()
    pointer = pointer_of(owner, byref(length))
    return ctypes.string_at(pointer, length.value)


def _encoded(text):
    return text.encode() if isinstance(text, str) else bytes(text)


def _take_response(response):
    """Status, headers and body of a response, which ends."""
    try:
        count = _library.response_header_count(response)
        headers = {_library.response_header_name(response, i).decode():
                   _library.response_header_value(response, i).decode() for i in range(count)}
        return _library.response_status(response), headers, _bytes(_library.response_body, response)
    finally:
        _library.response_free(response)


def version():
    return _library.version().decode()


def slugify(name):
    """The sourceId that a name gives."""
    name, slug = _encoded(name), ctypes.create_string_buffer(256)
    _check(_library.slugify(name, len(name), slug, len(slug), None))
    return slug.value.decode()


def canonicalize(url):
    """The canonical form of an agent's URL."""
    url = _encoded(url)
    canonical = ctypes.create_string_buffer(len(url) + 2)
    _call(_library.uri_canonicalize, url, len(url), canonical, len(canonical), None)
    return canonical.value.decode()


def validate(body):
    """What the API would answer to the body of a create, before the registry is asked:
    status, headers, body."""
    body, response = _encoded(body), c_void_p()
    _check(_library.validate_create(None, body, len(body), byref(response)))
    return _take_response(response)


class Service:
    """A service on an SQLite database, a file of master keys and a registry file. Agents are
    asked over the network when a source is to be ACTIVE."""

    def __init__(self, database, key_file, registry_file, *, envelope=False, allow_http=False,
                 allow_private=False, max_body=None):
        self._db, self._keyring, self._registry = c_void_p(), c_void_p(), c_void_p()
        self._curl, self._agents, self._service = c_void_p(), c_void_p(), c_void_p()
        self._options = c_void_p(_library.options_new())
        try:
            _call(_library.sqlite_open, os.fsencode(database), byref(self._db))
            _call(_library.keyring_load, os.fsencode(key_file), byref(self._keyring))
            _call(_library.registry_file_new, os.fsencode(registry_file), byref(self._registry))
            _call(_library.curl_new, byref(self._curl))
            _call(_library.agents_new, self._curl, byref(self._agents))
            self._set_options(envelope, allow_http, allow_private, max_body)
            _call(_library.service_new, self._options, byref(self._service))
        except BaseException:
            self.close()
            raise

    def _set_options(self, envelope, allow_http, allow_private, max_body):
        options = self._options
        _check(_library.options_set_store(options, _library.sqlite_store(), self._db))
        _check(_library.options_set_authenticator(options, _library.sqlite_authenticator(),
                                                  self._db))
        _check(_library.options_set_sealer(options, _library.keyring_sealer(), self._keyring))
        _check(_library.options_set_registry(options, _library.registry_file_registry(),
                                             self._registry))
        _check(_library.options_set_prober(options, _library.agents_prober(), self._agents))
        _check(_library.options_set_envelope(options, envelope))
        _check(_library.options_set_allow_http(options, allow_http))
        _check(_library.options_set_allow_private(options, allow_private))
        _check(_library.curl_set_allow_http(self._curl, allow_http))
        _check(_library.curl_set_allow_private(self._curl, allow_private))
        if max_body is not None:
            _check(_library.options_set_max_body(options, max_body))

    def close(self):
        """Ends the service; what it was made of after it."""
        for end, name in ((_library.service_free, "_service"), (_library.options_free, "_options"),
                          (_library.agents_free, "_agents"), (_library.curl_free, "_curl"),
                          (_library.registry_file_free, "_registry"),
                          (_library.keyring_free, "_keyring"), (_library.sqlite_free, "_db")):
            end(getattr(self, name))
            setattr(self, name, c_void_p())

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def add_api_key(self, storefront, name=""):
        """Makes an API key for a storefront; the only time that it can be seen."""
        buffer = _library.buffer_new()
        try:
            _call(_library.sqlite_apikey_add, self._db, _encoded(storefront), _encoded(name),
                  buffer)
            return _bytes(_library.buffer_bytes, buffer).decode()
        finally:
            _library.buffer_free(buffer)

    def handle(self, method, target, headers=(), body=b""):
        """Answers an HTTP request; `headers` are pairs. Gives status, headers, body."""
        request, response = _library.request_new(), c_void_p()
        body = _encoded(body)
        try:
            for part, text in (("method", _encoded(method)), ("target", _encoded(target)),
                               ("body", body)):
                _check(getattr(_library, "request_set_" + part)(request, text, len(text)))
            for name, value in headers:
                name, value = _encoded(name), _encoded(value)
                _check(_library.request_add_header(request, name, len(name), value, len(value)))
            _call(_library.handle, self._service, request, byref(response))
        finally:
            _library.request_free(request)
        return _take_response(response)

    # The operations for a storefront that the caller has authenticated itself. Each gives
    # status, headers, body.

    def create(self, storefront, body):
        """Creates a source."""
        return self._operate(_library.create, storefront, body)

    def get(self, storefront, source_id):
        """Reads one source."""
        return self._operate(_library.get, storefront, source_id)

    def list(self, storefront, skip=0, take=50):
        """Lists the storefront's sources, oldest first."""
        storefront, response = _encoded(storefront), c_void_p()
        _call(_library.list, self._service, storefront, len(storefront), skip, take,
              byref(response))
        return _take_response(response)

    def update(self, storefront, source_id, body):
        """Changes what the body names of a source."""
        return self._operate(_library.update, storefront, source_id, body)

    def remove(self, storefront, source_id):
        """Removes a source and its credential."""
        return self._operate(_library.remove, storefront, source_id)

    def _operate(self, function, *texts):
        """Calls a function that takes texts, each with its length, and gives a response."""
        response = c_void_p()
        arguments = [part for text in map(_encoded, texts) for part in (text, len(text))]
        _call(function, self._service, *arguments, byref(response))
        return _take_response(response)
