"""A person who signs in at an authorization server and consents: with a browser or, where there
are hundreds of them, with the forms alone."""
import html.parser
import http.cookiejar
import json
import os
import subprocess
import sys
import urllib.error
import urllib.parse
import urllib.request

from peer import FOLDER

PATIENCE = 60  # seconds for a page
LONGEST = 180  # seconds for a browser, from its start to its end
PAGES = 20  # as many forms and redirects as a consent may take


class Forms(html.parser.HTMLParser):
    """The forms of a page: where each leads, its fields, and what its buttons say."""

    def __init__(self, text):
        super().__init__()
        self.forms, self._is_button = [], False
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        if tag == "form":
            self.forms.append({"action": attrs.get("action", ""), "fields": {}, "button": ""})
        elif tag == "input" and self.forms and "name" in attrs:
            self.forms[-1]["fields"][attrs["name"]] = attrs.get("value", "")
        self._is_button = tag == "button"

    def handle_data(self, data):
        if self._is_button and self.forms:
            self.forms[-1]["button"] += data.strip()

    def handle_endtag(self, tag):
        if tag == "button":
            self._is_button = False

    def find(self, button):
        return next((form for form in self.forms if form["button"] == button), None)


class Page:
    def __init__(self, url, status, headers, text):
        self.url, self.status, self.headers, self.text = url, status, headers, text

    def __str__(self):
        return f"{self.status} {self.url}\n{self.headers}{self.text}"


class Still(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_):
        return None


class Person:
    """Cookies, and no more; who comes back is known to the server."""

    def __init__(self, user="operator"):
        self.user = user
        self._opener = urllib.request.build_opener(
            Still(), urllib.request.ProxyHandler({}),
            urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar()))

    def get(self, url, fields=None):
        """One exchange; redirects are not followed."""
        data = urllib.parse.urlencode(fields).encode() if fields is not None else None
        try:
            with self._opener.open(urllib.request.Request(url, data), timeout=PATIENCE) as answer:
                return Page(url, answer.status, answer.headers, answer.read().decode())
        except urllib.error.HTTPError as answer:
            with answer:
                return Page(url, answer.code, answer.headers, answer.read().decode())

    def _answer(self, page, choice):
        """Where to go from a page, and with which fields; nowhere: it asks for nothing."""
        if page.status in (301, 302, 303, 307, 308):
            return urllib.parse.urljoin(page.url, page.headers["Location"]), None
        forms = Forms(page.text)
        form = forms.find("Sign in") or forms.find(choice)
        if not form:
            return None, None
        fields = {name: value or self.user for name, value in form["fields"].items()}
        return urllib.parse.urljoin(page.url, form["action"]), fields

    def consent(self, url, deny=False, until=None):
        """The last page, or, without asking for it, the first URL that begins with `until`."""
        choice, fields = "Deny" if deny else "Consent", None
        for _ in range(PAGES):
            if until and url.startswith(until):
                return url
            page = self.get(url, fields)
            url, fields = self._answer(page, choice)
            if url is None:
                return page
        raise RuntimeError(f"no end of pages at {page.url}")


def consent(url, user="operator", **options):
    return Person(user).consent(url, **options)


def browse(url, *options):
    """What browser.mjs tells of a person who opens the URL in Chromium."""
    script = os.path.join(FOLDER, "browser.mjs")
    ended = subprocess.run(["node", script, *options, url], stdin=subprocess.DEVNULL,
                           stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=LONGEST)
    if ended.returncode != 0:
        raise RuntimeError(f"the browser: {ended.stderr.decode()}")
    return json.loads(ended.stdout)


if __name__ == "__main__":
    print(consent(sys.argv[1]))
