/*
 * The slug: names of many scripts, the table of Latin letters, the cut at 255
 * bytes, and the fallback. Every slug made here is held to the slug's own form.
 */
#include <invsrc/invsrc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))
#define BYTES(literal) (literal), sizeof(literal) - 1
#define LONGEST 255

/* 1 to 255 bytes, [a-z0-9] and single dashes between them. */
static int is_slug(const char *slug, uint64_t length) {
  if (length < 1 || length > LONGEST || strlen(slug) != length) return 0;
  if (slug[0] == '-' || slug[length - 1] == '-' || strstr(slug, "--")) return 0;
  return strspn(slug, "abcdefghijklmnopqrstuvwxyz0123456789-") == length;
}

static void make_slug(const char *name, size_t length, char *slug) {
  uint64_t slug_length = 0;

  memset(slug, '!', INVSRC_SLUG_SIZE);
  assert_int_equal(invsrc_slugify(name, length, slug, INVSRC_SLUG_SIZE, &slug_length), INVSRC_OK);
  if (!is_slug(slug, slug_length)) fail_msg("%s is no slug", slug);
}

static void expect_slug(const char *name, size_t length, const char *expected) {
  char slug[INVSRC_SLUG_SIZE];

  make_slug(name, length, slug);
  if (strcmp(slug, expected) != 0) fail_msg("\"%s\" gives %s, not %s", name, slug, expected);
}

static void test_names(void **state) {
  static const struct {
    const char *name;
    size_t length;
    const char *slug;
  } rows[] = {
      /* ASCII */
      {BYTES("Retail Network Agent"), "retail-network-agent"},
      {BYTES("a"), "a"},
      {BYTES("7"), "7"},
      {BYTES("snake_case_name"), "snake-case-name"},
      {BYTES("  spaces \t and\r\nlines  "), "spaces-and-lines"},
      {BYTES("--a--b--"), "a-b"},
      {BYTES("a - b"), "a-b"},
      {BYTES("A.B/C\\D:E"), "a-b-c-d-e"},
      {BYTES("It's 100% OK!"), "it-s-100-ok"},
      {BYTES("source-abc"), "source-abc"},
      {BYTES("a\0b"), "a-b"},
      {BYTES("\0a\0"), "a"},
      {BYTES("a\x7F"
             "b"),
       "a-b"},
      /* Marks, composed and not, also stacked, leading and alone */
      {BYTES("Café Ünïon — CTV"), "cafe-union-ctv"},
      {BYTES("Cafe\u0301 U\u0308ni\u0308on"), "cafe-union"},
      {BYTES("Zürich Überlandstraße"), "zurich-uberlandstrasse"},
      {BYTES("Tiếng Việt"), "tieng-viet"},
      {BYTES("Ação São João"), "acao-sao-joao"},
      {BYTES("Čeština Žižkov ŘÍP"), "cestina-zizkov-rip"},
      {BYTES("Ǆ ǅ ǆ Ǉ ǋ"), "dz-dz-dz-lj-nj"},
      {BYTES("\u0301a\u0301\u0302\u0303\u0304 b"), "a-b"},
      {BYTES("a\u20DD"), "a"}, /* an enclosing circle, Me */
      {BYTES("a\u0903"
             "b"),
       "ab"}, /* a spacing mark, Mc */
      {BYTES("İstanbul Iğdır"), "istanbul-igdir"},
      {BYTES("Ångström \u212B"), "angstrom-a"}, /* the Angstrom sign */
      {BYTES("\u212Aelvin"), "kelvin"},         /* the Kelvin sign */
      /* Letters without a decomposition, and case */
      {BYTES("Straße STRASSE STRAẞE"), "strasse-strasse-strasse"},
      {BYTES("Æsir Œuvre Øresund"), "aesir-oeuvre-oresund"},
      {BYTES("Ðorđe Łódź Þór Ħal"), "dorde-lodz-thor-hal"},
      {BYTES("Ǽ ǽ Ǿ ǿ"), "ae-ae-o-o"},
      {BYTES("Ŋ ŋ Ŧ ŧ ĸ Ɓ Ƒ Ə Ɛ Ɔ"), "n-n-t-t-q-b-f-e-e-o"},
      {BYTES("Ħ\u0301"), "h"},
      {BYTES("ŉ Ŀl ſ"), "n-l-l-s"},
      /* Compatibility: ligatures, widths, circles, fractions, Roman numerals */
      {BYTES("ﬁﬂﬀﬃﬄﬅﬆ"), "fiflffffifflstst"},
      {BYTES("Ｆｕｌｌ　Ｗｉｄｔｈ１２３"), "full-width123"},
      {BYTES("𝐁𝒐𝓵𝕕 𝟙𝟚𝟛"), "bold-123"},
      {BYTES("ⒶⓑⒸ ① ⑳ ⑴"), "abc-1-20-1"},
      {BYTES("Foo™ ℡ № ℃"), "footm-tel-no-c"},
      {BYTES("½ ¼ x² H₂O"), "1-2-1-4-x2-h2o"},
      {BYTES("Ⅷ ⅳ ㎏ ㏒"), "viii-iv-kg-log"},
      {BYTES("ªº ʰʲ ₐₑ"), "ao-hj-ae"},
      {BYTES("Ĳ ĳ ß"), "ij-ij-ss"},
      /* Other scripts separate; digits of theirs too */
      {BYTES("東京 Tokyo 東京"), "tokyo"},
      {BYTES("Яндекс X"), "x"},
      {BYTES("α-beta Ωmega"), "beta-mega"},
      {BYTES("٣ 4 ५"), "4"},
      {BYTES("a\u3000b\u00A0c\u2003d"), "a-b-c-d"},
      {BYTES("soft\u00ADhyphen zero\u200Bwidth zwj\u200Dx"), "soft-hyphen-zero-width-zwj-x"},
      {BYTES("\uFEFF"
             "bom"),
       "bom"},
      {BYTES("a\uFFFD"
             "b\uFFFF"
             "c\U0010FFFF"
             "d\uE000"
             "e"),
       "a-b-c-d-e"},
      {BYTES("glottalʔstop !xóõ ǃǁǂ"), "glottal-stop-xoo"},
      /* Emoji */
      {BYTES("Ads 🚀 4 U 👨‍👩‍👧‍👦"), "ads-4-u"},
      {BYTES("1️⃣ 🆗 🅰️"), "1"},
      {BYTES("🇫🇷 fr 🏴󠁧󠁢󠁳󠁣󠁴󠁿"), "fr"},
      /* One character, eighteen of them when decomposed: all Arabic */
      {BYTES("\uFDFAx"), "x"},
      {BYTES("㍿ ㍉ a"), "a"},
  };

  (void)state;
  for (size_t i = 0; i < COUNT(rows); i++) expect_slug(rows[i].name, rows[i].length, rows[i].slug);
}

/* The library's table again, turned around: letters by what they become. */
static const struct {
  const char *spelling;
  const char *letters;
} latin[] = {
    {"a", "ɐɑɒᴀᶏᶐⱥꞻꬰꬱꭤ"},
    {"aa", "ꜳ"},
    {"ae", "æᴁᴂꞛ"},
    {"ao", "ꜵ"},
    {"au", "ꜷ"},
    {"av", "ꜹꜻ"},
    {"ay", "ꜽ"},
    {"b", "ƀƃɓʙᴃᵬᶀꞗꞵ"},
    {"c", "ƈȼɕʗᴄↄꜿꞓꞔ"},
    {"con", "ꝯ"},
    {"d", "ðđƌȡɖɗᴅᴆᵭᶁᶑẟꝺꟈ"},
    {"db", "ȸ"},
    {"dum", "ꝱ"},
    {"dz", "ʣʤʥꭦ"},
    {"e", "ǝɇɘəɚɛɜɝɞʚᴇᴈᶒᶓᶔᶕⱸⱻꬲꬳꬴ"},
    {"et", "ꝫ"},
    {"f", "ƒɸᵮᶂⱷꜰꝼꞙꟻꬵ"},
    {"fn", "ʩ"},
    {"g", "ǥɠɡɢɣʛᵷᵹᶃꝿꞡꟑꬶ"},
    {"gh", "ƣ"},
    {"h", "ħɥɦɧʜʮʯⱨⱶꜧꞕꟶ"},
    {"hv", "ƕ"},
    {"i", "ıɨɩɪᴉᵻᵼᶖꞽꟷꟾ"},
    {"is", "ꝭ"},
    {"j", "ȷɉɟʄʝᴊ"},
    {"k", "ƙʞᴋᶄⱪꝁꝃꝅꞣ"},
    {"l", "łƚƛȴɫɬɭʟᴌᶅⱡꝇꝉꞁꞎꬷꬸꬹ"},
    {"ll", "ỻ"},
    {"ls", "ʪ"},
    {"lum", "ꝲ"},
    {"lz", "ɮʫ"},
    {"m", "ɯɰɱᴍᴟᵯᶆꟺꟽꟿꬺ"},
    {"mum", "ꝳ"},
    {"n", "ŋƞȵɲɳɴᴎᵰᶇꞑꞥꬻꬼ"},
    {"num", "ꝴ"},
    {"o", "øɔɵɷᴏᴐᴑᴒᴓᴖᴗᶗⱺꝋꝍꞷꟁꬽꬾꬿ"},
    {"oe", "œɶᴔꞝꭀꭁꭂꭢ"},
    {"oo", "ꝏ"},
    {"ou", "ȣᴕ"},
    {"p", "ƥᴘᵱᵽᶈꝑꝓꝕꟼ"},
    {"q", "ĸɋʠꝗꝙꞯ"},
    {"qp", "ȹ"},
    {"r", "ɍɹɺɻɼɽɾɿʀʁᴙᴚᵲᵳᶉⱹꝛꞃꞧꭅꭆꭇꭈꭉꭊꭋꭌꭨ"},
    {"rum", "ꝝꝵꝶ"},
    {"s", "ȿʂʃʆᵴᶊᶋᶘẜẝꜱꞅꞩꟊꟗꟙꭍ"},
    {"t", "ŧƫƭȶʇʈᴛᵵⱦꞇ"},
    {"tc", "ʨ"},
    {"th", "þᵺꝥꝧ"},
    {"ts", "ʦʧꭧ"},
    {"tum", "ꝷ"},
    {"tz", "ꜩ"},
    {"u", "ʉʊᴜᴝᴞᵾᵿᶙꞹꞿꭎꭏꭒ"},
    {"ue", "ᵫꞟ"},
    {"ui", "ꭐꭑ"},
    {"um", "ꝸ"},
    {"uo", "ꭣ"},
    {"v", "ʋʌᴠᶌỽⱱⱴꝟꝩ"},
    {"vy", "ꝡ"},
    {"w", "ƿʍᴡⱳꟃ"},
    {"x", "ᶍꭓꭔꭕꭖꭗꭘꭙ"},
    {"y", "ƴȝɏʎʏỿꭚ"},
    {"z", "ƶƹƺȥɀʐʑʒʓᴢᴣᵶᶎᶚⱬꝣ"},
};

/* The bytes of the UTF-8 character at `text`. */
static size_t character_length(const char *text) {
  size_t length = 1;

  while (((unsigned char)text[length] & 0xC0) == 0x80) length++;
  return length;
}

static void test_every_latin_letter_of_the_table(void **state) {
  size_t count = 0;

  (void)state;
  for (size_t i = 0; i < COUNT(latin); i++) {
    const char *letter = latin[i].letters;

    for (; *letter; letter += character_length(letter), count++)
      expect_slug(letter, character_length(letter), latin[i].spelling);
  }
  assert_int_equal(count, 376);
}

static size_t encode(uint32_t point, char *to) {
  size_t length = point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
  static const unsigned char lead[] = {0, 0x00, 0xC0, 0xE0, 0xF0};

  for (size_t i = length - 1; i > 0; i--, point >>= 6) to[i] = (char)(0x80 | (point & 0x3F));
  to[0] = (char)(lead[length] | point);
  return length;
}

/* Between two letters every character spells, joins or separates; alone it has
 * a slug as well. */
static void test_every_code_point_has_a_slug(void **state) {
  char slug[INVSRC_SLUG_SIZE];
  char name[8] = "a";

  (void)state;
  for (uint32_t point = 0; point <= 0x10FFFF; point++) {
    size_t length;

    if (point >= 0xD800 && point <= 0xDFFF) continue;
    length = encode(point, name + 1);
    name[1 + length] = 'z';
    make_slug(name, length + 2, slug);
    if (slug[0] != 'a' || slug[strlen(slug) - 1] != 'z') fail_msg("U+%04X gives %s", point, slug);
    if (point % 16 == 0) make_slug(name + 1, length, slug);
  }
}

static void test_slug_of_a_slug_is_itself(void **state) {
  static const char *const rows[] = {"retail-network-agent", "cafe-union-ctv", "a", "0-1-2",
                                     "source-cmabnmsztp"};

  (void)state;
  for (size_t i = 0; i < COUNT(rows); i++) expect_slug(rows[i], strlen(rows[i]), rows[i]);
}

/* ---- The cut ---------------------------------------------------------------- */

/* `before` times x, then the rest: what the slug holds behind the x's. */
static void expect_cut(size_t before, const char *rest, const char *expected) {
  char name[LONGEST + 64];
  char slug[INVSRC_SLUG_SIZE];

  memset(name, 'x', before);
  memcpy(name + before, rest, strlen(rest) + 1);
  make_slug(name, before + strlen(rest), slug);
  if (strspn(slug, "x") != before || strcmp(slug + before, expected) != 0)
    fail_msg("%zu x and %s give %s", before, rest, slug + before);
}

static void test_cut_at_255(void **state) {
  (void)state;
  expect_cut(255, "", "");
  expect_cut(255, "a", "");
  expect_cut(255, " a", "");
  expect_cut(254, "a", "a");
  expect_cut(254, "ab", "a");
  expect_cut(254, "-", "");
  expect_cut(254, " a", ""); /* a dash that nothing may follow */
  expect_cut(253, " a", "-a");
  expect_cut(253, " ab", "-a");
  expect_cut(253, "a b", "a");
  expect_cut(254, "ß", "s"); /* the middle of a letter's spelling */
  expect_cut(253, "ß", "ss");
  expect_cut(254, "æb", "a");
  expect_cut(254, "ꝯ", "c");
  expect_cut(253, "ꝯ", "co");
  expect_cut(252, "ꝯd", "con");
  expect_cut(254, "ﬃ", "f");
  expect_cut(253, "ﬃ", "ff");
  expect_cut(252, " æ", "-ae");
  expect_cut(253, " æ", "-a");
  expect_cut(254, "½", "1");
  expect_cut(253, "½", "1"); /* 1⁄2: the dash is the last that would fit */
  expect_cut(252, "½", "1-2");
}

static void test_very_long_names(void **state) {
  static const char *const pieces[] = {"a", " a", "\u0301", "東", "\uFDFA", "ß", "🚀", "\0", "ﬃ"};
  size_t size = 65536;
  char *name = malloc(size);
  char slug[INVSRC_SLUG_SIZE];

  (void)state;
  for (size_t i = 0; i < COUNT(pieces); i++) {
    size_t step = strlen(pieces[i]) ? strlen(pieces[i]) : 1;
    size_t length = 0;

    for (; length + step < size; length += step) memcpy(name + length, pieces[i], step);
    make_slug(name, length, slug);
    name[length] = 'q';
    make_slug(name, length + 1, slug);
  }
  assert_string_equal(slug + 252, "ffi");
  free(name);
}

/* ---- ASCII ------------------------------------------------------------------ */

/* The same numbers on every run. */
static uint32_t draw(uint32_t *seed, uint32_t below) {
  *seed = *seed * 1664525u + 1013904223u;
  return (*seed >> 8) % below;
}

/* Unicode has ASCII twice: the fullwidth forms, U+FF01 to U+FF5E and for the space U+3000,
 * decompose into it, and only these go through Unicode's tables. */
static size_t add_fullwidth(char *to, char byte) {
  unsigned point = byte == ' ' ? 0x3000u : 0xFEE0u + (unsigned char)byte;

  to[0] = (char)(0xE0 | point >> 12);
  to[1] = (char)(0x80 | (point >> 6 & 0x3F));
  to[2] = (char)(0x80 | (point & 0x3F));
  return 3;
}

static void test_ascii_as_its_fullwidth_forms(void **state) {
  char name[300], wide[3 * sizeof name], slug[INVSRC_SLUG_SIZE];
  uint32_t seed = 5;

  (void)state;
  for (int i = 0; i < 20000; i++) {
    uint32_t length = 1 + draw(&seed, i % 10 ? 40 : sizeof name - 1);
    size_t wide_length = 0;

    for (uint32_t at = 0; at < length; at++) name[at] = (char)(' ' + draw(&seed, 95));
    name[draw(&seed, length)] = 'q'; /* or it might fall back on the name's digest */
    for (uint32_t at = 0; at < length; at++)
      if (i % 2 || draw(&seed, 2))
        wide_length += add_fullwidth(wide + wide_length, name[at]);
      else
        wide[wide_length++] = name[at];
    make_slug(wide, wide_length, slug);
    expect_slug(name, length, slug);
  }
}

/* ---- The fallback ----------------------------------------------------------- */

static void test_fallback(void **state) {
  /* SHA-256 in base32, worked out with Python's hashlib and base64. */
  static const struct {
    const char *name;
    size_t length;
    const char *slug;
  } rows[] = {
      {BYTES(""), "source-4oymiquy7q"},        {BYTES("東京"), "source-cmabnmsztp"},
      {BYTES("-"), "source-hfz6aixjgi"},       {BYTES("--"), "source-3akwxlqmij"},
      {BYTES("\0"), "source-ny2axhh7wn"},      {BYTES("\0\0"), "source-s2rjnure6k"},
      {BYTES("Яндекс"), "source-l3mso46ibc"},  {BYTES("🚀"), "source-5o6awkdq5m"},
      {BYTES("   "), "source-bkwx3j35f3"},     {BYTES("\u0301"), "source-5gghsz7ira"},
      {BYTES("\uFDFA"), "source-ffl3mbaabd"},  {BYTES("대한민국"), "source-m7ds6krkmt"},
      {BYTES("العربية"), "source-2j2blgddav"},
  };

  (void)state;
  for (size_t i = 0; i < COUNT(rows); i++)
    for (int again = 0; again < 2; again++) expect_slug(rows[i].name, rows[i].length, rows[i].slug);
}

/* ---- The border ------------------------------------------------------------- */

static void test_arguments(void **state) {
  char slug[16] = "!!!!!!!!!!!!!!!";
  uint64_t length = 77;

  (void)state;
  assert_int_equal(invsrc_slugify(NULL, 0, slug, 16, &length), INVSRC_EINVAL);
  assert_int_equal(invsrc_slugify("abc", 3, NULL, 16, &length), INVSRC_EINVAL);
  assert_int_equal(invsrc_slugify("abc", UINT64_MAX, slug, 16, &length), INVSRC_EINVAL);
  for (uint64_t capacity = 0; capacity < 4; capacity++)
    assert_int_equal(invsrc_slugify("abc", 3, slug, capacity, &length), INVSRC_ERANGE);
  assert_int_equal(length, 77);
  assert_int_equal(slug[0], '!');
  assert_int_equal(invsrc_slugify("abc", 3, slug, 4, &length), INVSRC_OK);
  assert_int_equal(length, 3);
  assert_memory_equal(slug, "abc\0!", 5);
  assert_int_equal(invsrc_slugify("abc", 2, slug, 4, NULL), INVSRC_OK);
  assert_string_equal(slug, "ab");
}

static void test_malformed_names_are_refused(void **state) {
  static const struct {
    const char *name;
    size_t length;
  } rows[] = {
      {BYTES("\xFF")},
      {BYTES("abc\xC3")},
      {BYTES("\xED\xA0\x80")},
      {BYTES("a\xC0\x80"
             "b")},
  };
  char slug[INVSRC_SLUG_SIZE];
  char name[300];

  (void)state;
  for (size_t i = 0; i < COUNT(rows); i++)
    assert_int_equal(invsrc_slugify(rows[i].name, rows[i].length, slug, sizeof slug, NULL),
                     INVSRC_EMALFORMED);
  memset(name, 'x', sizeof name); /* also where the slug is already full */
  name[299] = '\x80';
  assert_int_equal(invsrc_slugify(name, sizeof name, slug, sizeof slug, NULL), INVSRC_EMALFORMED);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_names),
      cmocka_unit_test(test_every_latin_letter_of_the_table),
      cmocka_unit_test(test_every_code_point_has_a_slug),
      cmocka_unit_test(test_slug_of_a_slug_is_itself),
      cmocka_unit_test(test_cut_at_255),
      cmocka_unit_test(test_very_long_names),
      cmocka_unit_test(test_ascii_as_its_fullwidth_forms),
      cmocka_unit_test(test_fallback),
      cmocka_unit_test(test_arguments),
      cmocka_unit_test(test_malformed_names_are_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
