/*
 * The source record and the public buffer.
 */
#include <invsrc/invsrc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
/* cmocka wants the headers above first. */
#include <cmocka.h>

#include "core/source.h"
#include "fault/heap.h"

static void every_field_has_a_kind_and_a_name(void **state) {
  (void)state;
  for (int32_t field = 1; field < INVSRC_SOURCE_FIELD_END; field++) {
    int32_t kind = invsrc_source_field_kind(field);
    assert_true(kind == 'T' || kind == 'N');
    assert_non_null(invsrc_source_field_name(field));
  }
  for (int32_t field = -1; field <= INVSRC_SOURCE_FIELD_END; field += INVSRC_SOURCE_FIELD_END + 1) {
    assert_int_equal(invsrc_source_field_kind(field), 0);
    assert_null(invsrc_source_field_name(field));
  }
  assert_int_equal(invsrc_source_field_kind(0), 0);
}

static void every_field_has_its_part(void **state) {
  static const int32_t fixed[] = {INVSRC_SOURCE_ID, INVSRC_SOURCE_SOURCE_ID, INVSRC_SOURCE_AGENT_ID,
                                  INVSRC_SOURCE_STOREFRONT};
  static const int32_t consent[] = {INVSRC_SOURCE_OAUTH_STATE, INVSRC_SOURCE_OAUTH_EXPIRES_AT,
                                    INVSRC_SOURCE_OAUTH_PRIVATE_STATE};

  (void)state;
  for (int32_t field = 1; field < INVSRC_SOURCE_FIELD_END; field++) {
    uint32_t part = field <= INVSRC_SOURCE_REVISION ? INVSRC_PART_RECORD : INVSRC_PART_CHECK;
    for (size_t i = 0; i < sizeof fixed / sizeof *fixed; i++)
      if (fixed[i] == field) part = 0;
    for (size_t i = 0; i < sizeof consent / sizeof *consent; i++)
      if (consent[i] == field) part = INVSRC_PART_RECORD;
    assert_int_equal(invsrc_source_field_part(field), part);
  }
  assert_int_equal(invsrc_source_field_part(-1), 0);
  assert_int_equal(invsrc_source_field_part(0), 0);
  assert_int_equal(invsrc_source_field_part(INVSRC_SOURCE_FIELD_END), 0);
  assert_int_equal(invsrc_source_field_part(INT32_MAX), 0);
}

static void fields_hold_what_was_set(void **state) {
  invsrc_source *source = invsrc_source_new();
  uint64_t length = 7;

  (void)state;
  for (int32_t field = 1; field < INVSRC_SOURCE_FIELD_END; field++) {
    int is_text = invsrc_source_field_kind(field) == 'T';
    assert_null(invsrc_source_text(source, field, &length));
    assert_int_equal(length, 0);
    assert_int_equal(invsrc_source_number(source, field), 0);
    assert_int_equal(invsrc_source_set_text(source, field, "a\0b", 3),
                     is_text ? INVSRC_OK : INVSRC_EINVAL);
    assert_int_equal(invsrc_source_set_number(source, field, INT64_MIN),
                     is_text ? INVSRC_EINVAL : INVSRC_OK);
    if (is_text) {
      assert_memory_equal(invsrc_source_text(source, field, &length), "a\0b", 4);
      assert_int_equal(length, 3);
    } else {
      assert_true(invsrc_source_number(source, field) == INT64_MIN);
    }
  }
  /* Empty is not absent, and a text may be replaced. */
  assert_int_equal(invsrc_source_set_text(source, INVSRC_SOURCE_DESCRIPTION, "", 0), INVSRC_OK);
  assert_string_equal(invsrc_source_text(source, INVSRC_SOURCE_DESCRIPTION, NULL), "");
  assert_int_equal(invsrc_source_set_text(source, INVSRC_SOURCE_DESCRIPTION, NULL, 0), INVSRC_OK);
  assert_null(invsrc_source_text(source, INVSRC_SOURCE_DESCRIPTION, NULL));
  invsrc_source_free(source);
}

static void an_event_is_such_a_record_too(void **state) {
  invsrc_event *event = invsrc_event_new(), *copy = invsrc_event_new();
  uint64_t length;

  (void)state;
  assert_int_equal(invsrc_event_set_text(event, INVSRC_EVENT_PAYLOAD, "{}", 2), INVSRC_OK);
  assert_int_equal(invsrc_event_set_number(event, INVSRC_EVENT_ATTEMPTS, 3), INVSRC_OK);
  assert_int_equal(invsrc_event_set_number(event, INVSRC_EVENT_PAYLOAD, 3), INVSRC_EINVAL);
  assert_int_equal(invsrc_event_set_text(event, INVSRC_EVENT_FIELD_END, "", 0), INVSRC_EINVAL);
  assert_int_equal(invsrc_event_copy(copy, event), INVSRC_OK);
  assert_string_equal(invsrc_event_text(copy, INVSRC_EVENT_PAYLOAD, &length), "{}");
  assert_int_equal(length, 2);
  assert_int_equal(invsrc_event_number(copy, INVSRC_EVENT_ATTEMPTS), 3);
  assert_null(invsrc_event_text(copy, INVSRC_EVENT_ID, NULL));
  assert_null(invsrc_event_text(NULL, INVSRC_EVENT_ID, NULL));
  assert_int_equal(invsrc_event_set_text(NULL, INVSRC_EVENT_ID, "a", 1), INVSRC_EINVAL);
  assert_int_equal(invsrc_event_copy(NULL, event), INVSRC_EINVAL);
  invsrc_event_free(event);
  invsrc_event_free(copy);
  invsrc_event_free(NULL);
}

static void a_list_keeps_copies_in_order(void **state) {
  invsrc_source_list *list = invsrc_source_list_new();
  invsrc_source *source = invsrc_source_new();
  uint64_t length;

  (void)state;
  for (int i = 0; i < 100; i++) {
    char id[8];
    int size = snprintf(id, sizeof id, "%d", i);
    invsrc_source_set_text(source, INVSRC_SOURCE_ID, id, (uint64_t)size);
    assert_int_equal(invsrc_source_list_append(list, source, i % 2 ? "a\0b" : NULL, i % 2 ? 3 : 0),
                     INVSRC_OK);
  }
  invsrc_source_free(source);
  assert_int_equal(invsrc_source_list_count(list), 100);
  assert_string_equal(invsrc_source_text(invsrc_source_list_at(list, 57), INVSRC_SOURCE_ID, NULL),
                      "57");
  assert_memory_equal(invsrc_source_list_sealed(list, 57, &length), "a\0b", 3);
  assert_int_equal(length, 3);
  assert_null(invsrc_source_list_sealed(list, 56, &length));
  assert_int_equal(length, 0);
  assert_null(invsrc_source_list_at(list, 100));
  assert_null(invsrc_source_list_sealed(list, 100, NULL));
  assert_int_equal(invsrc_source_list_append(list, NULL, NULL, 0), INVSRC_EINVAL);
  assert_int_equal(invsrc_source_list_append(NULL, invsrc_source_list_at(list, 0), NULL, 0),
                   INVSRC_EINVAL);
  assert_int_equal(invsrc_source_list_append(list, invsrc_source_list_at(list, 0), NULL, 1),
                   INVSRC_EINVAL);
  assert_int_equal(invsrc_source_list_count(NULL), 0);
  assert_null(invsrc_source_list_at(NULL, 0));
  invsrc_source_list_free(list);
  invsrc_source_list_free(NULL);
}

static void wrong_arguments_change_nothing(void **state) {
  invsrc_source *source = invsrc_source_new();

  (void)state;
  assert_int_equal(invsrc_source_set_text(NULL, INVSRC_SOURCE_NAME, "a", 1), INVSRC_EINVAL);
  assert_int_equal(invsrc_source_set_text(source, INVSRC_SOURCE_NAME, NULL, 1), INVSRC_EINVAL);
  assert_int_equal(invsrc_source_set_text(source, INVSRC_SOURCE_NAME, "a", 65537), INVSRC_EINVAL);
  assert_int_equal(invsrc_source_set_text(source, 0, "a", 1), INVSRC_EINVAL);
  assert_int_equal(invsrc_source_set_number(NULL, INVSRC_SOURCE_REVISION, 1), INVSRC_EINVAL);
  assert_int_equal(invsrc_source_copy(NULL, source), INVSRC_EINVAL);
  assert_int_equal(invsrc_source_copy(source, NULL), INVSRC_EINVAL);
  assert_null(invsrc_source_text(NULL, INVSRC_SOURCE_NAME, NULL));
  assert_int_equal(invsrc_source_number(NULL, INVSRC_SOURCE_REVISION), 0);
  assert_null(invsrc_source_text(source, INVSRC_SOURCE_NAME, NULL));
  invsrc_source_free(source);
  invsrc_source_free(NULL);
}

static void a_copy_is_equal_and_apart(void **state) {
  invsrc_source *from = invsrc_source_new(), *to = invsrc_source_new();

  (void)state;
  invsrc_source_set_text(from, INVSRC_SOURCE_NAME, "from", 4);
  invsrc_source_set_number(from, INVSRC_SOURCE_REVISION, 3);
  invsrc_source_set_text(to, INVSRC_SOURCE_DESCRIPTION, "old", 3);
  assert_int_equal(invsrc_source_copy(to, from), INVSRC_OK);
  assert_int_equal(invsrc_source_copy(to, to), INVSRC_OK);
  invsrc_source_set_text(from, INVSRC_SOURCE_NAME, "else", 4);
  assert_string_equal(invsrc_source_text(to, INVSRC_SOURCE_NAME, NULL), "from");
  assert_int_equal(invsrc_source_number(to, INVSRC_SOURCE_REVISION), 3);
  assert_null(invsrc_source_text(to, INVSRC_SOURCE_DESCRIPTION, NULL));
  invsrc_source_free(from);
  invsrc_source_free(to);
}

/* The same numbers on every run. */
static uint32_t draw(uint32_t *seed, uint32_t below) {
  *seed = *seed * 1664525u + 1013904223u;
  return (*seed >> 8) % below;
}

#define LONGEST 3000

/* What the fields should be, and where their texts were when they were last set. */
typedef struct model {
  char texts[INVSRC_SOURCE_FIELD_END][LONGEST + 1];
  const char *places[INVSRC_SOURCE_FIELD_END];
} model;

static void must_be_as(const invsrc_source *source, const model *expected) {
  for (int32_t field = 1; field < INVSRC_SOURCE_FIELD_END; field++) {
    uint64_t length;
    const char *text = invsrc_source_text(source, field, &length);

    assert_ptr_equal(text, expected->places[field]);
    if (!text) continue;
    assert_string_equal(text, expected->texts[field]);
    assert_int_equal(length, strlen(text));
  }
}

/* No text moves when another one is set, however they grow and shrink. */
static void texts_stay_while_others_are_set(void **state) {
  static model expected;
  invsrc_source *source = invsrc_source_new();
  uint32_t seed = 3;

  (void)state;
  for (int i = 0; i < 5000; i++) {
    int32_t field = 1 + (int32_t)draw(&seed, INVSRC_SOURCE_FIELD_END - 1);
    uint32_t length = draw(&seed, draw(&seed, 20) ? 50 : LONGEST);
    int is_there = draw(&seed, 10) > 0;

    if (invsrc_source_field_kind(field) != 'T') continue;
    memset(expected.texts[field], 'a' + (int)draw(&seed, 26), length);
    expected.texts[field][length] = '\0';
    assert_int_equal(invsrc_source_set_text(source, field, is_there ? expected.texts[field] : NULL,
                                            is_there ? length : 0),
                     INVSRC_OK);
    expected.places[field] = invsrc_source_text(source, field, NULL);
    assert_int_equal(expected.places[field] != NULL, is_there);
    must_be_as(source, &expected);
  }
  invsrc_source_free(source);
}

static void a_text_may_be_set_to_a_part_of_itself(void **state) {
  invsrc_source *source = invsrc_source_new();
  const char *text;

  (void)state;
  invsrc_source_set_text(source, INVSRC_SOURCE_NAME, "one two three", 13);
  text = invsrc_source_text(source, INVSRC_SOURCE_NAME, NULL);
  assert_int_equal(invsrc_source_set_text(source, INVSRC_SOURCE_NAME, text + 4, 9), INVSRC_OK);
  text = invsrc_source_text(source, INVSRC_SOURCE_NAME, NULL);
  assert_string_equal(text, "two three");
  assert_memory_equal(text + 9, "\0\0\0\0", 4); /* nothing is left of what was longer */
  invsrc_source_set_text(source, INVSRC_SOURCE_DESCRIPTION, text + 4, 5);
  assert_string_equal(invsrc_source_text(source, INVSRC_SOURCE_DESCRIPTION, NULL), "three");
  invsrc_source_set_text(source, INVSRC_SOURCE_NAME, NULL, 0);
  assert_memory_equal(text, "\0\0\0\0\0\0\0\0\0", 9);
  invsrc_source_free(source);
}

/* The texts of a usual source take one block, and setting them again takes none. */
static void texts_share_a_block(void **state) {
  invsrc_source *source, *copy;

  (void)state;
  if (!heap_is_asked()) return;
  heap_plan(0, HEAP_ONCE);
  heap_open();
  source = invsrc_source_new();
  for (unsigned again = 0; again < 1000; again++)
    for (int32_t field = 1; field < INVSRC_SOURCE_FIELD_END; field++) {
      invsrc_source_set_text(source, field, "a text", again % 7);
      if (again % 3 == 1) invsrc_source_set_text(source, field, NULL, 0);
    }
  assert_in_range(heap.now, 2, 3);
  heap_plan(0, HEAP_ONCE);
  copy = invsrc_source_new();
  assert_int_equal(invsrc_source_copy(copy, source), INVSRC_OK);
  assert_int_equal(heap.now, 2);
  heap_close();
  invsrc_source_free(source);
  invsrc_source_free(copy);
}

static void what_cannot_be_kept_changes_nothing(void **state) {
  static char longer[2000];
  invsrc_source *source, *other;

  (void)state;
  if (!heap_is_asked()) return;
  source = invsrc_source_new();
  other = invsrc_source_new();
  memset(longer, 'l', sizeof longer);
  invsrc_source_set_text(source, INVSRC_SOURCE_NAME, "kept", 4);
  invsrc_source_set_text(other, INVSRC_SOURCE_DESCRIPTION, "other", 5);
  heap_plan(1, HEAP_FROM_THEN_ON);
  heap_open();
  assert_int_equal(invsrc_source_set_text(source, INVSRC_SOURCE_NAME, longer, sizeof longer),
                   INVSRC_ENOMEM);
  assert_int_equal(invsrc_source_copy(source, other), INVSRC_ENOMEM);
  heap_close();
  assert_string_equal(invsrc_source_text(source, INVSRC_SOURCE_NAME, NULL), "kept");
  assert_null(invsrc_source_text(source, INVSRC_SOURCE_DESCRIPTION, NULL));
  invsrc_source_free(source);
  invsrc_source_free(other);
}

static void a_hidden_text_is_absent_until_it_is_shown(void **state) {
  invsrc_source *source = invsrc_source_new(), *copy = invsrc_source_new();
  uint32_t hidden;

  (void)state;
  hidden = ivs_source_hide_text(source, INVSRC_SOURCE_NAME);
  ivs_source_show_text(source, INVSRC_SOURCE_NAME, hidden);
  assert_null(invsrc_source_text(source, INVSRC_SOURCE_NAME, NULL));
  invsrc_source_set_text(source, INVSRC_SOURCE_NAME, "name", 4);
  hidden = ivs_source_hide_text(source, INVSRC_SOURCE_NAME);
  assert_null(invsrc_source_text(source, INVSRC_SOURCE_NAME, NULL));
  assert_int_equal(invsrc_source_copy(copy, source), INVSRC_OK);
  invsrc_source_set_text(source, INVSRC_SOURCE_DESCRIPTION, "other", 5);
  ivs_source_show_text(source, INVSRC_SOURCE_NAME, hidden);
  assert_string_equal(invsrc_source_text(source, INVSRC_SOURCE_NAME, NULL), "name");
  assert_null(invsrc_source_text(copy, INVSRC_SOURCE_NAME, NULL));
  invsrc_source_free(source);
  invsrc_source_free(copy);
}

static void buffers_hold_bytes(void **state) {
  invsrc_buffer *buffer = invsrc_buffer_new();
  uint64_t length = 7;

  (void)state;
  assert_string_equal(invsrc_buffer_bytes(buffer, &length), "");
  assert_int_equal(length, 0);
  assert_int_equal(invsrc_buffer_set(buffer, "a\0b", 3), INVSRC_OK);
  assert_memory_equal(invsrc_buffer_bytes(buffer, &length), "a\0b", 4);
  assert_int_equal(length, 3);
  assert_int_equal(invsrc_buffer_set(buffer, NULL, 1), INVSRC_EINVAL);
  assert_int_equal(invsrc_buffer_set(NULL, "a", 1), INVSRC_EINVAL);
  assert_int_equal(invsrc_buffer_set(buffer, NULL, 0), INVSRC_OK);
  assert_string_equal(invsrc_buffer_bytes(buffer, NULL), "");
  assert_string_equal(invsrc_buffer_bytes(NULL, &length), "");
  invsrc_buffer_free(buffer);
  invsrc_buffer_free(NULL);
}

int main(void) {
  static const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_field_has_a_kind_and_a_name),
      cmocka_unit_test(every_field_has_its_part),
      cmocka_unit_test(fields_hold_what_was_set),
      cmocka_unit_test(an_event_is_such_a_record_too),
      cmocka_unit_test(a_list_keeps_copies_in_order),
      cmocka_unit_test(wrong_arguments_change_nothing),
      cmocka_unit_test(a_copy_is_equal_and_apart),
      cmocka_unit_test(texts_stay_while_others_are_set),
      cmocka_unit_test(a_text_may_be_set_to_a_part_of_itself),
      cmocka_unit_test(texts_share_a_block),
      cmocka_unit_test(what_cannot_be_kept_changes_nothing),
      cmocka_unit_test(a_hidden_text_is_absent_until_it_is_shown),
      cmocka_unit_test(buffers_hold_bytes),
  };

  return cmocka_run_group_tests(tests, NULL, NULL);
}
