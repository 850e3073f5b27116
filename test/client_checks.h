/*
 * What the tests share of what keeps clients of authorization servers. What everything must do
 * that does, invsrc_clients_conformance() checks; see suites.h.
 */
#ifndef TEST_CLIENT_CHECKS_H
#define TEST_CLIENT_CHECKS_H

#include "store_checks.h"

#define ISSUER "https://auth.example"
#define CALLBACK "https://host.example/callback"

struct clients {
  const invsrc_clients_vtable *table;
  void *context;
};

static inline int32_t put_client(struct clients clients, const char *issuer, const char *uri,
                                 const char *sealed) {
  return clients.table->put(clients.context, issuer, strlen(issuer), uri, strlen(uri), sealed,
                            sealed ? strlen(sealed) : 0);
}

/* Holds what is kept to be this; NULL: nothing. */
static inline void assert_client(struct clients clients, const char *issuer, const char *uri,
                                 const char *wanted) {
  invsrc_buffer *sealed = invsrc_buffer_new();

  assert_int_equal(
      clients.table->get(clients.context, issuer, strlen(issuer), uri, strlen(uri), sealed),
      wanted ? INVSRC_OUTCOME_OK : INVSRC_OUTCOME_NOT_FOUND);
  assert_string_equal(invsrc_buffer_bytes(sealed, NULL), wanted ? wanted : "");
  invsrc_buffer_free(sealed);
}

#endif
