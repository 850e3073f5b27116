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
      cmocka_unit_test(buffers_hold_bytes),
  };

  return cmocka_run_group_tests(tests, NULL, NULL);
}
