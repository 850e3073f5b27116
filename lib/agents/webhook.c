/*
 * See webhook.h. The receiver is the host's own choice, so what it answers may be told to
 * the operator; its body is nobody's business.
 */
#include "agents/webhook.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <string.h>

#include "core/error.h"
#include "core/uri.h"

static const char prefix[] = "whsec_";
#define PREFIX (sizeof prefix - 1)
#define LEAST_KEY 24
#define MOST_KEY 64
#define ENCODED(bytes) (((bytes) + 2) / 3 * 4)

/* ---- Settings ------------------------------------------------------------ */

int32_t ivs_webhook_url_read(const char *url, ivs_buffer *out, invsrc_error *error) {
  size_t length = strlen(url), offset = 0;
  const char *reason = NULL;
  ivs_uri uri;
  int32_t code = ivs_url_parse(url, length, &uri, &reason, &offset);

  if (code == INVSRC_OK && (uri.userinfo.text || uri.fragment.text)) {
    code = INVSRC_EMALFORMED;
    reason = "must not have user information or a fragment";
    offset = 0;
  }
  if (code == INVSRC_EMALFORMED) ivs_error_set(error, code, offset, "the webhook's URL %s", reason);
  return code == INVSRC_OK ? ivs_buffer_set(out, url, length) : code;
}

/* The number of bytes that canonical base64 stands for, put into `bytes`; 0 where it is
 * none, or too much of it. */
static size_t decode(const char *text, unsigned char bytes[ENCODED(MOST_KEY)]) {
  unsigned char again[ENCODED(MOST_KEY) + 1];
  size_t length = strlen(text), padding = 0;
  int count, same = 0;

  if (length == 0 || length % 4 || length > ENCODED(MOST_KEY)) return 0;
  while (padding < 2 && text[length - 1 - padding] == '=') padding++;
  count = EVP_DecodeBlock(bytes, (const unsigned char *)text, (int)length) - (int)padding;
  if (count > 0) {
    EVP_EncodeBlock(again, bytes, count); /* libcrypto overlooks white space and loose bits */
    same = strcmp((const char *)again, text) == 0;
  }
  OPENSSL_cleanse(again, sizeof again);
  return same ? (size_t)count : 0;
}

int32_t ivs_webhook_secret_read(const char *secret, ivs_buffer *key, invsrc_error *error) {
  unsigned char bytes[ENCODED(MOST_KEY)];
  size_t count = 0;
  int32_t code = INVSRC_EMALFORMED;

  if (strncmp(secret, prefix, PREFIX) == 0) count = decode(secret + PREFIX, bytes);
  if (count >= LEAST_KEY && count <= MOST_KEY)
    code = ivs_buffer_set(key, bytes, count);
  else
    ivs_error_set(error, code, INVSRC_NO_OFFSET,
                  "the webhook's secret must be \"%s\" and the base64 of %d to %d bytes", prefix,
                  LEAST_KEY, MOST_KEY);
  OPENSSL_cleanse(bytes, sizeof bytes);
  return code;
}

/* ---- The request --------------------------------------------------------- */

/* Appends "v1," and the base64 of the HMAC-SHA256 of "id.timestamp.payload". INVSRC_OK or
 * INVSRC_ENOMEM, which is why libcrypto fails here. */
static int32_t sign(ivs_buffer *line, const ivs_buffer *key, const char *id, const char *timestamp,
                    const char *payload) {
  const char *const parts[] = {id, ".", timestamp, ".", payload};
  ivs_buffer content = IVS_BUFFER_EMPTY;
  unsigned char mac[EVP_MAX_MD_SIZE], text[ENCODED(EVP_MAX_MD_SIZE) + 1];
  unsigned int length = 0;
  int good;

  for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
    ivs_buffer_append_text(&content, parts[i]);
  good = !content.failed &&
         HMAC(EVP_sha256(), key->bytes, (int)key->length, (const unsigned char *)content.bytes,
              content.length, mac, &length) != NULL;
  ivs_buffer_end(&content);
  if (!good) return INVSRC_ENOMEM;
  EVP_EncodeBlock(text, mac, (int)length);
  ivs_buffer_append_text(line, "v1,");
  ivs_buffer_append_text(line, (const char *)text);
  return INVSRC_OK;
}

int32_t ivs_webhook_request_make(ivs_outgoing *request, const char *url, const ivs_buffer *key,
                                 const invsrc_event *event, int64_t now) {
  const char *id = invsrc_event_text(event, INVSRC_EVENT_ID, NULL);
  uint64_t length = 0;
  const char *payload = invsrc_event_text(event, INVSRC_EVENT_PAYLOAD, &length);
  ivs_buffer signature = IVS_BUFFER_EMPTY;
  char timestamp[24];
  int32_t code;

  if (!id || !*id || !payload || strlen(payload) != length) return INVSRC_EINVAL;
  snprintf(timestamp, sizeof timestamp, "%lld", (long long)(now / 1000));
  code = sign(&signature, key, id, timestamp, payload);
  if (code == INVSRC_OK && signature.failed) code = INVSRC_ENOMEM;
  if (code == INVSRC_OK) {
    ivs_outgoing_begin(request, "POST", url);
    ivs_outgoing_add(request, "Content-Type: ", "application/json");
    ivs_outgoing_add(request, "webhook-id: ", id);
    ivs_outgoing_add(request, "webhook-timestamp: ", timestamp);
    ivs_outgoing_add(request, "webhook-signature: ", signature.bytes);
    ivs_buffer_append(&request->body, payload, (size_t)length);
    code = ivs_outgoing_finish(request);
  }
  ivs_buffer_end(&signature);
  return code;
}

/* ---- The answer ---------------------------------------------------------- */

int32_t ivs_webhook_judge(int32_t outcome, const invsrc_http_reply *reply,
                          char reason[IVS_WEBHOOK_REASON_SIZE]) {
  int32_t status = invsrc_http_reply_status(reply);
  const char *why = invsrc_http_reply_reason(reply);

  *reason = '\0';
  if (outcome == INVSRC_OUTCOME_OK && status >= 200 && status < 300) return INVSRC_OUTCOME_OK;
  if (outcome == INVSRC_OUTCOME_OK)
    snprintf(reason, IVS_WEBHOOK_REASON_SIZE, "answered %d", (int)status);
  else
    snprintf(reason, IVS_WEBHOOK_REASON_SIZE, "%s", *why ? why : "no answer");
  return INVSRC_OUTCOME_UNAVAILABLE;
}
