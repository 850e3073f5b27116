/*
 * The pages at the end of a consent: what may be on them, and what they may do.
 */
#include "core/page.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
/* cmocka wants the headers above first. */
#include <cmocka.h>

#include "core/base64.h"
#include "core/digest.h"

static ivs_buffer text;

/* Valid until the next one. */
static const char *write_page(enum ivs_page page, const ivs_page_content *content) {
  ivs_buffer_clear(&text);
  ivs_page_write(&text, page, content);
  assert_false(text.failed);
  assert_int_equal(strlen(text.bytes), text.length);
  return text.bytes;
}

static void assert_has(const char *page, const char *piece) {
  if (!strstr(page, piece)) fail_msg("%s is not in %s", piece, page);
}

static int count_of(const char *page, const char *piece) {
  int count = 0;

  for (const char *at = page; (at = strstr(at, piece)); at++) count++;
  return count;
}

/* Else the browser would show the page without it. */
static void the_style_is_the_one_that_the_policy_allows(void **state) {
  static const char style[] = IVS_PAGE_STYLE;
  const ivs_page_content content = {NULL, NULL, NULL, NULL};
  uint8_t digest[IVS_DIGEST_SIZE];
  ivs_buffer source = IVS_BUFFER_EMPTY;
  const char *from, *to;

  (void)state;
  assert_int_equal(ivs_digest(style, strlen(style), digest), INVSRC_OK);
  ivs_buffer_append_text(&source, "style-src 'sha256-");
  ivs_base64_append(&source, digest, sizeof digest);
  ivs_buffer_append_text(&source, "';");
  assert_has(IVS_PAGE_POLICY, source.bytes);
  ivs_buffer_end(&source);
  for (int page = 0; page < IVS_PAGE_END; page++) {
    from = strstr(write_page((enum ivs_page)page, &content), "<style>") + strlen("<style>");
    to = strstr(from, "</style>");
    assert_int_equal(to - from, strlen(style));
    assert_memory_equal(from, style, strlen(style));
    assert_int_equal(count_of(text.bytes, "style"), 2);
  }
}

static void the_policy_allows_nothing_else(void **state) {
  static const char *const directives[] = {"default-src 'none'", "base-uri 'none'",
                                           "form-action 'none'", "frame-ancestors 'none'"};

  (void)state;
  for (size_t i = 0; i < sizeof directives / sizeof *directives; i++)
    assert_has(IVS_PAGE_POLICY, directives[i]);
  assert_int_equal(count_of(IVS_PAGE_POLICY, ";"), 4);
  assert_null(strstr(IVS_PAGE_POLICY, "unsafe"));
  assert_null(strpbrk(IVS_PAGE_POLICY, "\r\n"));
}

static void each_page_has_its_status_and_its_word(void **state) {
  static const struct {
    int32_t status;
    const char *word;
  } rows[IVS_PAGE_END] = {
      [IVS_PAGE_CONNECTED] = {200, "connected"}, [IVS_PAGE_REFUSED] = {400, "refused"},
      [IVS_PAGE_EXPIRED] = {400, "expired"},     [IVS_PAGE_INVALID] = {400, "failed"},
      [IVS_PAGE_FAILED] = {500, "failed"},       [IVS_PAGE_BUSY] = {503, "failed"},
  };
  const ivs_page_content content = {NULL, NULL, NULL, NULL};

  (void)state;
  for (int i = 0; i < IVS_PAGE_END; i++) {
    const char *page = write_page((enum ivs_page)i, &content);
    assert_int_equal(ivs_page_status((enum ivs_page)i), rows[i].status);
    assert_string_equal(ivs_page_word((enum ivs_page)i), rows[i].word);
    assert_int_equal(strncmp(page, "<!DOCTYPE html><html lang=\"en\">", 31), 0);
    assert_has(page, "</main></body></html>\n");
    assert_int_equal(count_of(page, "<h1>"), 1);
    assert_null(strstr(page, "<p></p>"));
    assert_null(strstr(page, "<dl>"));
    assert_null(strstr(page, "(null)"));
  }
}

/* As HTML has it: nothing that came from outside may begin or end anything. */
static void append_escaped(ivs_buffer *out, unsigned char c) {
  char one[2] = {(char)c, '\0'};

  switch (c) {
    case '&':
      ivs_buffer_append_text(out, "&amp;");
      break;
    case '<':
      ivs_buffer_append_text(out, "&lt;");
      break;
    case '>':
      ivs_buffer_append_text(out, "&gt;");
      break;
    case '"':
      ivs_buffer_append_text(out, "&quot;");
      break;
    case '\'':
      ivs_buffer_append_text(out, "&#39;");
      break;
    default:
      ivs_buffer_append_text(out, one);
  }
}

static void what_comes_from_outside_is_escaped(void **state) {
  char all[256] = "";
  ivs_buffer escaped = IVS_BUFFER_EMPTY, piece = IVS_BUFFER_EMPTY;
  const ivs_page_content content = {all, all, all, all};

  (void)state;
  for (int c = 1; c < 256; c++) {
    all[c - 1] = (char)c;
    append_escaped(&escaped, (unsigned char)c);
  }
  for (int i = 0; i < IVS_PAGE_END; i++) {
    const char *page = write_page((enum ivs_page)i, &content);
    assert_int_equal(count_of(page, escaped.bytes), 4);
    assert_null(strstr(page, all));
  }
  ivs_buffer_append_text(&piece, "<dl><dt>Reason</dt><dd>");
  ivs_buffer_append_text(&piece, escaped.bytes);
  ivs_buffer_append_text(&piece, "</dd><dt>The authorization server said</dt><dd>");
  ivs_buffer_append_text(&piece, escaped.bytes);
  ivs_buffer_append_text(&piece, "</dd><dt>In its words</dt><dd>");
  ivs_buffer_append_text(&piece, escaped.bytes);
  ivs_buffer_append_text(&piece, "</dd></dl>");
  assert_has(write_page(IVS_PAGE_REFUSED, &content), piece.bytes);
  ivs_buffer_end(&escaped);
  ivs_buffer_end(&piece);
}

static void what_is_not_known_is_left_out(void **state) {
  const ivs_page_content named = {"Shop & Co", NULL, NULL, NULL};
  const ivs_page_content said = {NULL, NULL, "access_denied", NULL};
  const char *page;

  (void)state;
  assert_has(write_page(IVS_PAGE_CONNECTED, &named),
             "<p>The storefront may now use <strong>Shop &amp; Co</strong> in your name.</p>");
  page = write_page(IVS_PAGE_REFUSED, &said);
  assert_has(page,
             "<p>The storefront was given no consent.</p><dl><dt>The authorization server "
             "said</dt><dd>access_denied</dd></dl><p>");
  assert_null(strstr(page, "Reason"));
  assert_null(strstr(page, "In its words"));
}

/* A link that is used up is not to be tried again, and one that may be is not called so. */
static void each_page_says_what_to_do(void **state) {
  static const char used_up[] = "This one cannot be used again.";
  static const char *const loads[IVS_PAGE_END] = {
      [IVS_PAGE_FAILED] =
          "<p>Load this page again. If the link is no longer good then, go back to the inventory "
          "source in your storefront and connect it again. If it fails again, tell whoever runs "
          "the storefront.</p>",
      [IVS_PAGE_BUSY] =
          "<p>Wait a minute, and load this page again. If the link is no longer good then, go back "
          "to the inventory source in your storefront and connect it again.</p>",
  };
  const ivs_page_content content = {NULL, NULL, NULL, NULL};

  (void)state;
  for (int i = 0; i < IVS_PAGE_END; i++) {
    const char *page = write_page((enum ivs_page)i, &content);
    int is_used_up = i == IVS_PAGE_REFUSED || i == IVS_PAGE_EXPIRED;
    if (loads[i]) assert_has(page, loads[i]);
    if (is_used_up) assert_has(page, used_up);
    if (loads[i] || i == IVS_PAGE_CONNECTED) assert_null(strstr(page, used_up));
  }
}

int main(void) {
  static const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_style_is_the_one_that_the_policy_allows),
      cmocka_unit_test(the_policy_allows_nothing_else),
      cmocka_unit_test(each_page_has_its_status_and_its_word),
      cmocka_unit_test(what_comes_from_outside_is_escaped),
      cmocka_unit_test(what_is_not_known_is_left_out),
      cmocka_unit_test(each_page_says_what_to_do),
  };
  int failed = cmocka_run_group_tests(tests, NULL, NULL);

  ivs_buffer_end(&text);
  return failed;
}
