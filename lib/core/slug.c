/*
 * The sourceId that a name gives (contract §5). Character by character, so that
 * no name, however long, needs memory. Knows nothing of sources.
 */
#include <invsrc/invsrc.h>
#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

#include "core/digest.h"
#include "core/text.h"

#define LONGEST_SLUG (INVSRC_SLUG_SIZE - 1)
/* More than any character decomposes into; U+FDFA holds the record with 18. */
#define LONGEST_DECOMPOSITION 32
#define FOLDING (UTF8PROC_DECOMPOSE | UTF8PROC_COMPAT | UTF8PROC_CASEFOLD | UTF8PROC_STRIPMARK)

#define FALLBACK "source-"
#define FALLBACK_CHARACTERS 10 /* of base32, 5 bits each */

/* Lower-case Latin letters that Unicode does not take apart, sorted. Strokes,
 * hooks, curls and turns are dropped, ligatures and abbreviations spelled out. Clicks,
 * tones and glottal stops stand for no letter of a to z and are not here. */
static const struct letter {
  utf8proc_int32_t point;
  char spelling[4];
} letters[] = {
    {U'æ', "ae"},   {U'ð', "d"},    {U'ø', "o"},    {U'þ', "th"},   {U'đ', "d"},    {U'ħ', "h"},
    {U'ı', "i"},    {U'ĸ', "q"},    {U'ł', "l"},    {U'ŋ', "n"},    {U'œ', "oe"},   {U'ŧ', "t"},
    {U'ƀ', "b"},    {U'ƃ', "b"},    {U'ƈ', "c"},    {U'ƌ', "d"},    {U'ƒ', "f"},    {U'ƕ', "hv"},
    {U'ƙ', "k"},    {U'ƚ', "l"},    {U'ƛ', "l"},    {U'ƞ', "n"},    {U'ƣ', "gh"},   {U'ƥ', "p"},
    {U'ƫ', "t"},    {U'ƭ', "t"},    {U'ƴ', "y"},    {U'ƶ', "z"},    {U'ƹ', "z"},    {U'ƺ', "z"},
    {U'ƿ', "w"},    {U'ǝ', "e"},    {U'ǥ', "g"},    {U'ȝ', "y"},    {U'ȡ', "d"},    {U'ȣ', "ou"},
    {U'ȥ', "z"},    {U'ȴ', "l"},    {U'ȵ', "n"},    {U'ȶ', "t"},    {U'ȷ', "j"},    {U'ȸ', "db"},
    {U'ȹ', "qp"},   {U'ȼ', "c"},    {U'ȿ', "s"},    {U'ɀ', "z"},    {U'ɇ', "e"},    {U'ɉ', "j"},
    {U'ɋ', "q"},    {U'ɍ', "r"},    {U'ɏ', "y"},    {U'ɐ', "a"},    {U'ɑ', "a"},    {U'ɒ', "a"},
    {U'ɓ', "b"},    {U'ɔ', "o"},    {U'ɕ', "c"},    {U'ɖ', "d"},    {U'ɗ', "d"},    {U'ɘ', "e"},
    {U'ə', "e"},    {U'ɚ', "e"},    {U'ɛ', "e"},    {U'ɜ', "e"},    {U'ɝ', "e"},    {U'ɞ', "e"},
    {U'ɟ', "j"},    {U'ɠ', "g"},    {U'ɡ', "g"},    {U'ɢ', "g"},    {U'ɣ', "g"},    {U'ɥ', "h"},
    {U'ɦ', "h"},    {U'ɧ', "h"},    {U'ɨ', "i"},    {U'ɩ', "i"},    {U'ɪ', "i"},    {U'ɫ', "l"},
    {U'ɬ', "l"},    {U'ɭ', "l"},    {U'ɮ', "lz"},   {U'ɯ', "m"},    {U'ɰ', "m"},    {U'ɱ', "m"},
    {U'ɲ', "n"},    {U'ɳ', "n"},    {U'ɴ', "n"},    {U'ɵ', "o"},    {U'ɶ', "oe"},   {U'ɷ', "o"},
    {U'ɸ', "f"},    {U'ɹ', "r"},    {U'ɺ', "r"},    {U'ɻ', "r"},    {U'ɼ', "r"},    {U'ɽ', "r"},
    {U'ɾ', "r"},    {U'ɿ', "r"},    {U'ʀ', "r"},    {U'ʁ', "r"},    {U'ʂ', "s"},    {U'ʃ', "s"},
    {U'ʄ', "j"},    {U'ʆ', "s"},    {U'ʇ', "t"},    {U'ʈ', "t"},    {U'ʉ', "u"},    {U'ʊ', "u"},
    {U'ʋ', "v"},    {U'ʌ', "v"},    {U'ʍ', "w"},    {U'ʎ', "y"},    {U'ʏ', "y"},    {U'ʐ', "z"},
    {U'ʑ', "z"},    {U'ʒ', "z"},    {U'ʓ', "z"},    {U'ʗ', "c"},    {U'ʙ', "b"},    {U'ʚ', "e"},
    {U'ʛ', "g"},    {U'ʜ', "h"},    {U'ʝ', "j"},    {U'ʞ', "k"},    {U'ʟ', "l"},    {U'ʠ', "q"},
    {U'ʣ', "dz"},   {U'ʤ', "dz"},   {U'ʥ', "dz"},   {U'ʦ', "ts"},   {U'ʧ', "ts"},   {U'ʨ', "tc"},
    {U'ʩ', "fn"},   {U'ʪ', "ls"},   {U'ʫ', "lz"},   {U'ʮ', "h"},    {U'ʯ', "h"},    {U'ᴀ', "a"},
    {U'ᴁ', "ae"},   {U'ᴂ', "ae"},   {U'ᴃ', "b"},    {U'ᴄ', "c"},    {U'ᴅ', "d"},    {U'ᴆ', "d"},
    {U'ᴇ', "e"},    {U'ᴈ', "e"},    {U'ᴉ', "i"},    {U'ᴊ', "j"},    {U'ᴋ', "k"},    {U'ᴌ', "l"},
    {U'ᴍ', "m"},    {U'ᴎ', "n"},    {U'ᴏ', "o"},    {U'ᴐ', "o"},    {U'ᴑ', "o"},    {U'ᴒ', "o"},
    {U'ᴓ', "o"},    {U'ᴔ', "oe"},   {U'ᴕ', "ou"},   {U'ᴖ', "o"},    {U'ᴗ', "o"},    {U'ᴘ', "p"},
    {U'ᴙ', "r"},    {U'ᴚ', "r"},    {U'ᴛ', "t"},    {U'ᴜ', "u"},    {U'ᴝ', "u"},    {U'ᴞ', "u"},
    {U'ᴟ', "m"},    {U'ᴠ', "v"},    {U'ᴡ', "w"},    {U'ᴢ', "z"},    {U'ᴣ', "z"},    {U'ᵫ', "ue"},
    {U'ᵬ', "b"},    {U'ᵭ', "d"},    {U'ᵮ', "f"},    {U'ᵯ', "m"},    {U'ᵰ', "n"},    {U'ᵱ', "p"},
    {U'ᵲ', "r"},    {U'ᵳ', "r"},    {U'ᵴ', "s"},    {U'ᵵ', "t"},    {U'ᵶ', "z"},    {U'ᵷ', "g"},
    {U'ᵹ', "g"},    {U'ᵺ', "th"},   {U'ᵻ', "i"},    {U'ᵼ', "i"},    {U'ᵽ', "p"},    {U'ᵾ', "u"},
    {U'ᵿ', "u"},    {U'ᶀ', "b"},    {U'ᶁ', "d"},    {U'ᶂ', "f"},    {U'ᶃ', "g"},    {U'ᶄ', "k"},
    {U'ᶅ', "l"},    {U'ᶆ', "m"},    {U'ᶇ', "n"},    {U'ᶈ', "p"},    {U'ᶉ', "r"},    {U'ᶊ', "s"},
    {U'ᶋ', "s"},    {U'ᶌ', "v"},    {U'ᶍ', "x"},    {U'ᶎ', "z"},    {U'ᶏ', "a"},    {U'ᶐ', "a"},
    {U'ᶑ', "d"},    {U'ᶒ', "e"},    {U'ᶓ', "e"},    {U'ᶔ', "e"},    {U'ᶕ', "e"},    {U'ᶖ', "i"},
    {U'ᶗ', "o"},    {U'ᶘ', "s"},    {U'ᶙ', "u"},    {U'ᶚ', "z"},    {U'ẜ', "s"},    {U'ẝ', "s"},
    {U'ẟ', "d"},    {U'ỻ', "ll"},   {U'ỽ', "v"},    {U'ỿ', "y"},    {U'ↄ', "c"},    {U'ⱡ', "l"},
    {U'ⱥ', "a"},    {U'ⱦ', "t"},    {U'ⱨ', "h"},    {U'ⱪ', "k"},    {U'ⱬ', "z"},    {U'ⱱ', "v"},
    {U'ⱳ', "w"},    {U'ⱴ', "v"},    {U'ⱶ', "h"},    {U'ⱷ', "f"},    {U'ⱸ', "e"},    {U'ⱹ', "r"},
    {U'ⱺ', "o"},    {U'ⱻ', "e"},    {U'ꜧ', "h"},    {U'ꜩ', "tz"},   {U'ꜰ', "f"},    {U'ꜱ', "s"},
    {U'ꜳ', "aa"},   {U'ꜵ', "ao"},   {U'ꜷ', "au"},   {U'ꜹ', "av"},   {U'ꜻ', "av"},   {U'ꜽ', "ay"},
    {U'ꜿ', "c"},    {U'ꝁ', "k"},    {U'ꝃ', "k"},    {U'ꝅ', "k"},    {U'ꝇ', "l"},    {U'ꝉ', "l"},
    {U'ꝋ', "o"},    {U'ꝍ', "o"},    {U'ꝏ', "oo"},   {U'ꝑ', "p"},    {U'ꝓ', "p"},    {U'ꝕ', "p"},
    {U'ꝗ', "q"},    {U'ꝙ', "q"},    {U'ꝛ', "r"},    {U'ꝝ', "rum"},  {U'ꝟ', "v"},    {U'ꝡ', "vy"},
    {U'ꝣ', "z"},    {U'ꝥ', "th"},   {U'ꝧ', "th"},   {U'ꝩ', "v"},    {U'ꝫ', "et"},   {U'ꝭ', "is"},
    {U'ꝯ', "con"},  {U'ꝱ', "dum"},  {U'ꝲ', "lum"},  {U'ꝳ', "mum"},  {U'ꝴ', "num"},  {U'ꝵ', "rum"},
    {U'ꝶ', "rum"},  {U'ꝷ', "tum"},  {U'ꝸ', "um"},   {U'ꝺ', "d"},    {U'ꝼ', "f"},    {U'ꝿ', "g"},
    {U'ꞁ', "l"},    {U'ꞃ', "r"},    {U'ꞅ', "s"},    {U'ꞇ', "t"},    {U'ꞎ', "l"},    {U'ꞑ', "n"},
    {U'ꞓ', "c"},    {U'ꞔ', "c"},  {U'ꞕ', "h"},  {U'ꞗ', "b"},  {U'ꞙ', "f"},  {U'ꞛ', "ae"},
    {U'ꞝ', "oe"}, {U'ꞟ', "ue"}, {U'ꞡ', "g"},    {U'ꞣ', "k"},    {U'ꞥ', "n"},    {U'ꞧ', "r"},
    {U'ꞩ', "s"},    {U'ꞯ', "q"},  {U'ꞵ', "b"},  {U'ꞷ', "o"},  {U'ꞹ', "u"},  {U'ꞻ', "a"},
    {U'ꞽ', "i"},  {U'ꞿ', "u"},  {U'ꟁ', "o"},  {U'ꟃ', "w"},  {U'ꟈ', "d"},  {U'ꟊ', "s"},
    {U'ꟑ', "g"},  {U'ꟗ', "s"},  {U'ꟙ', "s"},  {U'ꟶ', "h"},  {U'ꟷ', "i"},  {U'ꟺ', "m"},
    {U'ꟻ', "f"},    {U'ꟼ', "p"},    {U'ꟽ', "m"},    {U'ꟾ', "i"},    {U'ꟿ', "m"},    {U'ꬰ', "a"},
    {U'ꬱ', "a"},  {U'ꬲ', "e"},  {U'ꬳ', "e"},  {U'ꬴ', "e"},  {U'ꬵ', "f"},  {U'ꬶ', "g"},
    {U'ꬷ', "l"},  {U'ꬸ', "l"},  {U'ꬹ', "l"},  {U'ꬺ', "m"},  {U'ꬻ', "n"},  {U'ꬼ', "n"},
    {U'ꬽ', "o"},  {U'ꬾ', "o"},  {U'ꬿ', "o"},  {U'ꭀ', "oe"}, {U'ꭁ', "oe"}, {U'ꭂ', "oe"},
    {U'ꭅ', "r"},  {U'ꭆ', "r"},  {U'ꭇ', "r"},  {U'ꭈ', "r"},  {U'ꭉ', "r"},  {U'ꭊ', "r"},
    {U'ꭋ', "r"},  {U'ꭌ', "r"},  {U'ꭍ', "s"},  {U'ꭎ', "u"},  {U'ꭏ', "u"},  {U'ꭐ', "ui"},
    {U'ꭑ', "ui"}, {U'ꭒ', "u"},  {U'ꭓ', "x"},  {U'ꭔ', "x"},  {U'ꭕ', "x"},  {U'ꭖ', "x"},
    {U'ꭗ', "x"},  {U'ꭘ', "x"},  {U'ꭙ', "x"},  {U'ꭚ', "y"},  {U'ꭢ', "oe"}, {U'ꭣ', "uo"},
    {U'ꭤ', "a"},  {U'ꭦ', "dz"}, {U'ꭧ', "ts"}, {U'ꭨ', "r"},
};

typedef struct draft {
  char text[INVSRC_SLUG_SIZE];
  size_t length;
  int has_gap; /* something was left out since the last character */
  int is_full;
} draft;

static void put(draft *slug, char byte) {
  size_t dash = slug->has_gap && slug->length;

  slug->has_gap = 0;
  slug->is_full |= slug->length + dash + 1 > LONGEST_SLUG;
  if (slug->is_full) return;
  if (dash) slug->text[slug->length++] = '-';
  slug->text[slug->length++] = byte;
}

static int compare_letters(const void *point, const void *row) {
  utf8proc_int32_t left = *(const utf8proc_int32_t *)point;
  utf8proc_int32_t right = ((const struct letter *)row)->point;

  return (left > right) - (left < right);
}

/* A character that is decomposed, folded and no mark. */
static void put_folded(draft *slug, utf8proc_int32_t point) {
  const struct letter *letter;

  if (point < 0x80 && (ivs_text_is_letter((char)point) || ivs_text_is_digit((char)point))) {
    put(slug, (char)point);
    return;
  }
  letter =
      bsearch(&point, letters, sizeof letters / sizeof *letters, sizeof *letters, compare_letters);
  if (!letter) slug->has_gap = 1;
  for (size_t i = 0; letter && letter->spelling[i]; i++) put(slug, letter->spelling[i]);
}

/* In ASCII there is nothing to decompose, only the case to fold. */
static void put_ascii(draft *slug, char byte) {
  byte = ivs_text_lower(byte);
  if (ivs_text_is_letter(byte) || ivs_text_is_digit(byte))
    put(slug, byte);
  else
    slug->has_gap = 1;
}

static void put_character(draft *slug, const char *text, size_t length) {
  utf8proc_int32_t folded[LONGEST_DECOMPOSITION] = {0};
  utf8proc_int32_t point;
  utf8proc_ssize_t count;
  int boundary = 0;

  utf8proc_iterate((const utf8proc_uint8_t *)text, (utf8proc_ssize_t)length, &point);
  count = utf8proc_decompose_char(point, folded, LONGEST_DECOMPOSITION, FOLDING, &boundary);
  for (utf8proc_ssize_t i = 0; i < count && i < LONGEST_DECOMPOSITION; i++)
    put_folded(slug, folded[i]);
}

static void put_name(draft *slug, const char *name, size_t length) {
  size_t step = 1;

  for (size_t at = 0; at < length && !slug->is_full; at += step) {
    step = (unsigned char)name[at] < 0x80 ? 1 : ivs_text_sequence(name + at, length - at);
    if (step == 1)
      put_ascii(slug, name[at]);
    else
      put_character(slug, name + at, step);
  }
}

/* For a name without a letter or digit: a part of its digest in base32 (RFC 4648 §6). */
static int32_t put_digest(draft *slug, const char *name, size_t length) {
  uint8_t digest[IVS_DIGEST_SIZE];
  int32_t result = ivs_digest(name, length, digest);

  if (result != INVSRC_OK) return result;
  memcpy(slug->text, FALLBACK, sizeof FALLBACK - 1);
  slug->length = sizeof FALLBACK - 1;
  for (unsigned bit = 0; bit < 5 * FALLBACK_CHARACTERS; bit += 5) {
    unsigned window = (unsigned)digest[bit / 8] << 8 | digest[bit / 8 + 1];

    slug->text[slug->length++] =
        "abcdefghijklmnopqrstuvwxyz234567"[window >> (11 - bit % 8) & 0x1F];
  }
  return INVSRC_OK;
}

int32_t invsrc_slugify(const char *name, uint64_t length, char *slug, uint64_t capacity,
                       uint64_t *slug_length) {
  draft made;

  if (!name || !slug || length > PTRDIFF_MAX) return INVSRC_EINVAL;
  if (!ivs_text_is_utf8(name, (size_t)length, NULL)) return INVSRC_EMALFORMED;
  made.length = 0;
  made.has_gap = made.is_full = 0;
  put_name(&made, name, (size_t)length);
  if (!made.length && put_digest(&made, name, (size_t)length) != INVSRC_OK) return INVSRC_ENOMEM;
  if (made.length >= capacity) return INVSRC_ERANGE;
  memcpy(slug, made.text, made.length);
  slug[made.length] = '\0';
  if (slug_length) *slug_length = made.length;
  return INVSRC_OK;
}
