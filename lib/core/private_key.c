/*
 * See private_key.h. OpenSSL's readers of PEM and of EC keys leave copies in freed
 * memory, so the armour (RFC 7468, and no more loosely than OpenSSL takes it) is taken
 * off here, in a block that is wiped, and the DER within is walked where it lies.
 */
#include "core/private_key.h"

#include <invsrc/invsrc.h>
#include <openssl/asn1.h>
#include <openssl/bn.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#define RSA_SHORTEST 2048
#define RSA_LONGEST 8192   /* beyond it a signature takes long */
#define RSA_LONGEST_E 256  /* FIPS 186-5, 5.4 */
#define OUT_OF_MEMORY (-1) /* in place of a kind */

/* A piece of the PEM text. */
typedef struct span {
  const char *text;
  size_t length;
} span;

static const char *find(span in, const char *needle) {
  size_t length = strlen(needle);

  for (size_t i = 0; i + length <= in.length; i++)
    if (memcmp(in.text + i, needle, length) == 0) return in.text + i;
  return NULL;
}

static int is(span text, const char *other) {
  return strlen(other) == text.length && memcmp(text.text, other, text.length) == 0;
}

static span between(const char *from, const char *to) {
  span piece = {from, (size_t)(to - from)};

  return piece;
}

/* Takes the next line off the front of `rest`, without the blanks at its end. */
static span next_line(span *rest) {
  const char *limit = rest->text + rest->length;
  const char *end = memchr(rest->text, '\n', rest->length);
  span line = between(rest->text, end ? end : limit);

  *rest = between(end ? end + 1 : limit, limit);
  while (line.length && memchr(" \t\r", line.text[line.length - 1], 3)) line.length--;
  return line;
}

/* Whether a line is the edge of a block and nothing else; takes its label out of it. */
static int is_edge(span line, const char *edge, span *label) {
  static const char dashes[] = "-----";
  size_t before = strlen(edge), after = sizeof dashes - 1;

  if (line.length < before + after || memcmp(line.text, edge, before) != 0) return 0;
  if (memcmp(line.text + line.length - after, dashes, after) != 0) return 0;
  *label = between(line.text + before, line.text + line.length - after);
  return 1;
}

/* Takes the next block off the front of `rest`. Returns 0 when there is none, or
 * it does not end with its own label. */
static int next_block(span *rest, span *label, span *body) {
  span last;
  const char *end;

  do {
    if (!rest->length) return 0;
  } while (!is_edge(next_line(rest), "-----BEGIN ", label));
  *body = *rest;
  do {
    if (!rest->length) return 0;
    end = rest->text;
  } while (!is_edge(next_line(rest), "-----END ", &last));
  *body = between(body->text, end);
  return last.length == label->length && memcmp(last.text, label->text, last.length) == 0;
}

/* Decodes lines of base64 with white space, in place of `text`, which is ours. Returns
 * the number of bytes, 0 where it is not base64, or where a line is blank: to others what
 * is before it is no key but RFC 1421 headers. */
static size_t decode(char *text, size_t length) {
  size_t count = 0, line = 0, padding = 0;
  int bytes;

  for (size_t i = 0; i < length; i++) {
    if (text[i] == '\n') {
      if (count == line) return 0;
      line = count;
    } else if (!memchr(" \t\r", text[i], 3)) {
      text[count++] = text[i];
    }
  }
  if (count == 0 || count % 4 != 0 || count > INT32_MAX) return 0;
  while (padding < 2 && text[count - 1 - padding] == '=') padding++;
  bytes = EVP_DecodeBlock((unsigned char *)text, (unsigned char *)text, (int)count);
  return bytes > 0 ? (size_t)bytes - padding : 0;
}

/* ---- DER (X.690) -------------------------------------------------------------- */

typedef struct der {
  const unsigned char *at;
  const unsigned char *end;
} der;

#define CONTEXT(number) (V_ASN1_CONTEXT_SPECIFIC | (number))

/* Takes the element that comes next, which must have this tag; `content` becomes
 * what is in it. */
static int take(der *from, int tag, der *content) {
  const unsigned char *at = from->at;
  int found, class;
  long length;

  if (from->at == from->end) return 0;
  if (ASN1_get_object(&at, &length, &found, &class, from->end - from->at) & 0x81) return 0;
  if ((class | found) != tag) return 0;
  content->at = at;
  content->end = at + length;
  from->at = content->end;
  return 1;
}

static int is_content(const der *content, const char *bytes, size_t length) {
  return (size_t)(content->end - content->at) == length && memcmp(content->at, bytes, length) == 0;
}

/* Takes an INTEGER, as its magnitude without leading zeros; 0 for a negative one. */
static int take_integer(der *from, der *content) {
  if (!take(from, V_ASN1_INTEGER, content) || content->at == content->end) return 0;
  if (*content->at & 0x80) return 0;
  while (content->at < content->end && *content->at == 0) content->at++;
  return 1;
}

/* ---- Keys ---------------------------------------------------------------------- */

static const char rsa_oid[] = "\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01";
static const char ec_oid[] = "\x2a\x86\x48\xce\x3d\x02\x01";
static const char p256_oid[] = "\x2a\x86\x48\xce\x3d\x03\x01\x07";
#define IS_OID(content, oid) is_content(content, oid, sizeof(oid) - 1)

/* The order of P-256 (SEC 2, 2.4.2); a private key is between 0 and it. */
static const unsigned char p256_order[32] = {
    0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
    0xbc, 0xe6, 0xfa, 0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51};

static void keep_number(ivs_private_key *to, const der *number) {
  to->numbers[to->count].bytes = number->at;
  to->numbers[to->count].length = (size_t)(number->end - number->at);
  to->count++;
}

/* The numbers of an RSA key in their order, and room to reckon. */
enum { N, E, D, P, Q, DP, DQ, QINV, LEFT, RIGHT, BIGNUMS };

/* OpenSSL takes longer exponents than these as well, and a bit of each is a step of the
 * signature; and no even modulus. */
static int are_in_bounds(BIGNUM *const *of) {
  return BN_num_bits(of[E]) <= RSA_LONGEST_E && BN_num_bits(of[D]) <= BN_num_bits(of[N]) &&
         BN_is_odd(of[N]) && BN_num_bits(of[P]) > 1 && BN_num_bits(of[Q]) > 1 &&
         BN_cmp(of[DP], of[P]) < 0 && BN_cmp(of[DQ], of[Q]) < 0 && BN_cmp(of[QINV], of[P]) < 0;
}

/* Whether the numbers make an RSA key (p and q may be no primes): its kind. Where they do
 * not fit, OpenSSL signs by d alone, which takes it many times as long. */
static int judge_numbers(BIGNUM *const *of, BN_CTX *context) {
  /* The two factors have the rest 1, divided by the third or by one less. */
  static const int pairs[][4] = {{DP, E, P, 1}, {DQ, E, Q, 1}, {QINV, Q, P, 0}};

  if (!are_in_bounds(of)) return IVS_KEY_NONE;
  if (!BN_mul(of[LEFT], of[P], of[Q], context)) return OUT_OF_MEMORY;
  if (BN_cmp(of[LEFT], of[N]) != 0) return IVS_KEY_NONE;
  for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
    const int *pair = pairs[i];
    if (!BN_copy(of[LEFT], of[pair[2]]) || !BN_sub_word(of[LEFT], (BN_ULONG)pair[3]) ||
        !BN_mod_mul(of[RIGHT], of[pair[0]], of[pair[1]], of[LEFT], context))
      return OUT_OF_MEMORY;
    if (!BN_is_one(of[RIGHT])) return IVS_KEY_NONE;
  }
  return IVS_KEY_RSA;
}

/* The context wipes its numbers. */
static int judge_fit(const ivs_private_key *key) {
  BN_CTX *context = BN_CTX_new();
  BIGNUM *of[BIGNUMS];
  int failed = !context;
  int kind;

  if (context) BN_CTX_start(context);
  for (int i = 0; i < BIGNUMS && !failed; i++) {
    of[i] = BN_CTX_get(context);
    failed = !of[i] || (i < IVS_KEY_NUMBERS &&
                        !BN_bin2bn(key->numbers[i].bytes, (int)key->numbers[i].length, of[i]));
  }
  kind = failed ? OUT_OF_MEMORY : judge_numbers(of, context);
  if (context) BN_CTX_end(context);
  BN_CTX_free(context);
  return kind;
}

/* RSAPrivateKey, RFC 8017 A.1.2: version, n, e, d, p, q and the CRT's three. */
static int judge_rsa(der key, ivs_private_key *to) {
  der inside, part, modulus;
  size_t bits;

  if (!take(&key, V_ASN1_SEQUENCE, &inside) || key.at != key.end) return IVS_KEY_NONE;
  if (!take_integer(&inside, &part) || part.at != part.end) return IVS_KEY_NONE;
  if (!take_integer(&inside, &modulus)) return IVS_KEY_NONE;
  keep_number(to, &modulus);
  while (to->count < IVS_KEY_NUMBERS) {
    if (!take_integer(&inside, &part) || part.at == part.end) return IVS_KEY_NONE;
    keep_number(to, &part);
  }
  if (inside.at != inside.end) return IVS_KEY_NONE;
  bits = 8 * (size_t)(modulus.end - modulus.at);
  for (int top = 0x80; bits && !(*modulus.at & top); top >>= 1) bits--;
  return bits >= RSA_SHORTEST && bits <= RSA_LONGEST ? judge_fit(to) : IVS_KEY_OTHER;
}

/* ECPrivateKey, RFC 5915 §3; the curve stands in it, or outside as `curve`. */
static int judge_ec(der key, const der *curve, ivs_private_key *to) {
  der inside, part, number, named;
  size_t length;

  if (!take(&key, V_ASN1_SEQUENCE, &inside) || key.at != key.end) return IVS_KEY_NONE;
  if (!take_integer(&inside, &part) || !is_content(&part, "\x01", 1)) return IVS_KEY_NONE;
  if (!take(&inside, V_ASN1_OCTET_STRING, &number)) return IVS_KEY_NONE;
  if (!curve) {
    if (!take(&inside, CONTEXT(0), &part) || !take(&part, V_ASN1_OBJECT, &named))
      return IVS_KEY_NONE;
    curve = &named;
  }
  if (!IS_OID(curve, p256_oid)) return IVS_KEY_OTHER;
  while (number.at < number.end && *number.at == 0) number.at++;
  length = (size_t)(number.end - number.at);
  if (length == 0 || length > sizeof p256_order) return IVS_KEY_NONE;
  if (length == sizeof p256_order && memcmp(number.at, p256_order, length) >= 0)
    return IVS_KEY_NONE;
  keep_number(to, &number);
  return IVS_KEY_P256;
}

/* PrivateKeyInfo, RFC 5958 §2. */
static int judge_pkcs8(der key, ivs_private_key *to) {
  der inside, version, algorithm, oid, parameters, octets;

  if (!take(&key, V_ASN1_SEQUENCE, &inside) || key.at != key.end) return IVS_KEY_NONE;
  if (!take_integer(&inside, &version)) return IVS_KEY_NONE;
  if (!take(&inside, V_ASN1_SEQUENCE, &algorithm) || !take(&algorithm, V_ASN1_OBJECT, &oid))
    return IVS_KEY_NONE;
  if (!take(&inside, V_ASN1_OCTET_STRING, &octets)) return IVS_KEY_NONE;
  if (IS_OID(&oid, rsa_oid)) return judge_rsa(octets, to);
  if (!IS_OID(&oid, ec_oid)) return IVS_KEY_OTHER;
  /* Parameters written out are a curve that no JWT algorithm names. */
  if (!take(&algorithm, V_ASN1_OBJECT, &parameters)) return IVS_KEY_OTHER;
  return judge_ec(octets, &parameters, to);
}

static int judge_sec1(der key, ivs_private_key *to) {
  return judge_ec(key, NULL, to);
}

/* The blocks that are private keys, and who reads them. */
static const struct reader {
  const char *label;
  int (*judge)(der key, ivs_private_key *to); /* NULL: under a passphrase */
} readers[] = {
    {"PRIVATE KEY", judge_pkcs8},
    {"EC PRIVATE KEY", judge_sec1},
    {"RSA PRIVATE KEY", judge_rsa},
    {"ENCRYPTED PRIVATE KEY", NULL},
};

static int32_t read_block(span body, const struct reader *reader, ivs_private_key *key) {
  der content;

  key->block_length = body.length;
  key->block = malloc(body.length ? body.length : 1);
  if (!key->block) return INVSRC_ENOMEM;
  memcpy(key->block, body.text, body.length);
  content.at = (const unsigned char *)key->block;
  content.end = content.at + decode(key->block, body.length);
  /* The queue of errors is the host's thread's: leave it as it was. */
  ERR_set_mark();
  key->kind = reader->judge(content, key);
  ERR_pop_to_mark();
  if (key->kind != IVS_KEY_P256 && key->kind != IVS_KEY_RSA) key->count = 0;
  if (key->kind != OUT_OF_MEMORY) return INVSRC_OK;
  key->kind = IVS_KEY_NONE;
  return INVSRC_ENOMEM;
}

int32_t ivs_private_key_read(const char *pem, size_t length, ivs_private_key *key) {
  span rest = {pem, length}, label, body;

  memset(key, 0, sizeof *key);
  key->kind = IVS_KEY_NONE;
  /* The first private key counts: `openssl ecparam` writes EC PARAMETERS first. */
  while (next_block(&rest, &label, &body)) {
    for (size_t i = 0; i < sizeof readers / sizeof *readers; i++) {
      if (!is(label, readers[i].label)) continue;
      /* RFC 1421 headers: Proc-Type: 4,ENCRYPTED. */
      if (readers[i].judge && !find(body, "ENCRYPTED")) return read_block(body, &readers[i], key);
      key->kind = IVS_KEY_ENCRYPTED;
      return INVSRC_OK;
    }
  }
  return INVSRC_OK;
}

void ivs_private_key_end(ivs_private_key *key) {
  if (key->block) OPENSSL_cleanse(key->block, key->block_length);
  free(key->block);
  memset(key, 0, sizeof *key);
}

int32_t ivs_private_key_judge(const char *pem, size_t length, int *kind) {
  ivs_private_key key;
  int32_t code = ivs_private_key_read(pem, length, &key);

  *kind = key.kind;
  ivs_private_key_end(&key);
  return code;
}
