/*
 * See page.h.
 */
#include "core/page.h"

#include <string.h>

#define AGAIN                                                                                \
  "Go back to the inventory source in your storefront and connect it again: that gives you " \
  "a new link. This one cannot be used again."

/* The link may be used up by now, or not yet. */
#define OVER                                                                                    \
  "If the link is no longer good then, go back to the inventory source in your storefront and " \
  "connect it again."

static const struct page {
  int32_t status;
  const char *word;
  const char *title;
  const char *before; /* the name of the source, where it is known, */
  const char *after;  /* and what is there of it */
  const char *unnamed;
  const char *next;
} pages[IVS_PAGE_END] = {
    [IVS_PAGE_CONNECTED] = {200, "connected", "Connected", "The storefront may now use ",
                            " in your name.", "",
                            "There is nothing more to do: a source that is pending goes live by "
                            "itself when its agent answers. You can close this window."},
    [IVS_PAGE_REFUSED] = {400, "refused", "Not connected",
                          "The storefront was given no consent to use ", ".",
                          "The storefront was given no consent.", AGAIN},
    [IVS_PAGE_EXPIRED] = {400, "expired", "This link is no longer good", "It was meant to connect ",
                          ".", "",
                          "A link to connect an inventory source is good once, and for ten "
                          "minutes. " AGAIN},
    [IVS_PAGE_INVALID] = {400, "failed", "This link is not complete", "", "", "",
                          "It does not come from an authorization server that was asked for "
                          "consent. Go back to the inventory source in your storefront and connect "
                          "it again."},
    [IVS_PAGE_FAILED] = {500, "failed", "Not connected", "Something failed while connecting ", ".",
                         "Something failed while connecting.",
                         "Load this page again. " OVER " If it fails again, tell whoever runs the "
                         "storefront."},
    [IVS_PAGE_BUSY] = {503, "failed", "Not connected",
                       "Something was not available while "
                       "connecting ",
                       ".", "Something was not available while connecting.",
                       "Wait a minute, and load this page again. " OVER},
};

int32_t ivs_page_status(enum ivs_page page) {
  return pages[page].status;
}

const char *ivs_page_word(enum ivs_page page) {
  return pages[page].word;
}

static void write_escaped(ivs_buffer *out, const char *text) {
  static const struct {
    char character;
    const char *reference;
  } references[] = {{'&', "&amp;"}, {'<', "&lt;"}, {'>', "&gt;"}, {'"', "&quot;"}, {'\'', "&#39;"}};

  for (; *text; text++) {
    const char *reference = NULL;
    for (size_t i = 0; i < sizeof references / sizeof *references; i++)
      if (references[i].character == *text) reference = references[i].reference;
    if (reference)
      ivs_buffer_append_text(out, reference);
    else
      ivs_buffer_append(out, text, 1);
  }
}

static void write_row(ivs_buffer *out, const char *term, const char *text) {
  if (!text || !*text) return;
  ivs_buffer_append_text(out, "<dt>");
  ivs_buffer_append_text(out, term);
  ivs_buffer_append_text(out, "</dt><dd>");
  write_escaped(out, text);
  ivs_buffer_append_text(out, "</dd>");
}

static void write_what(ivs_buffer *out, const struct page *page, const char *name) {
  ivs_buffer_append_text(out, "<p>");
  if (name) {
    ivs_buffer_append_text(out, page->before);
    ivs_buffer_append_text(out, "<strong>");
    write_escaped(out, name);
    ivs_buffer_append_text(out, "</strong>");
    ivs_buffer_append_text(out, page->after);
  } else {
    ivs_buffer_append_text(out, page->unnamed);
  }
  ivs_buffer_append_text(out, "</p>");
}

void ivs_page_write(ivs_buffer *out, enum ivs_page page, const ivs_page_content *content) {
  const struct page *it = &pages[page];
  int has_rows = content->reason || content->error || content->description;

  ivs_buffer_append_text(out,
                         "<!DOCTYPE html><html lang=\"en\"><head><meta charset=\"utf-8\">"
                         "<meta name=\"viewport\" content=\"width=device-width\"><title>");
  ivs_buffer_append_text(out, it->title);
  ivs_buffer_append_text(out, "</title><style>" IVS_PAGE_STYLE "</style></head><body><main><h1>");
  ivs_buffer_append_text(out, it->title);
  ivs_buffer_append_text(out, "</h1>");
  if (content->name || *it->unnamed) write_what(out, it, content->name);
  if (has_rows) ivs_buffer_append_text(out, "<dl>");
  write_row(out, "Reason", content->reason);
  write_row(out, "The authorization server said", content->error);
  write_row(out, "In its words", content->description);
  if (has_rows) ivs_buffer_append_text(out, "</dl>");
  ivs_buffer_append_text(out, "<p>");
  ivs_buffer_append_text(out, it->next);
  ivs_buffer_append_text(out, "</p></main></body></html>\n");
}
