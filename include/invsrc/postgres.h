/*
 * libinvsrc-postgres: sources, API keys, events and clients in PostgreSQL, for hosts of which
 * many processes, on many machines, share the work. Used as the ready-made ones of
 * libinvsrc-providers are:
 *
 *     invsrc_postgres_open("host=db.example dbname=invsrc", &pg, error);
 *     invsrc_options_set_store(options, invsrc_postgres_store(), pg);
 *     invsrc_options_set_authenticator(options, invsrc_postgres_authenticator(), pg);
 *
 * The object must outlive every service that uses it, may be used from many threads at once,
 * but for the setters, which come before first use, and is not to be used across fork(): the
 * child opens it anew. What a table's functions return is listed in provider.h.
 */
#ifndef INVSRC_POSTGRES_H
#define INVSRC_POSTGRES_H

#include <invsrc/invsrc.h>
#include <invsrc/provider.h>
#include <invsrc/providers.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A pool of connections, each made when it is first needed. One that has failed is replaced:
 * nobody needs to open the object anew when the server was restarted, or when another one has
 * taken its place under the same name.
 *
 * An OK means that the server has committed, with synchronous_commit on or stronger. Where
 * the connection is lost before the server has said so, an insert, an update or a removal
 * finds out over a new connection whether it came to pass, for up to ten seconds. Only if the
 * server cannot be reached for as long, or nothing is stored (any more) that tells an update from
 * what others have written since, is it UNAVAILABLE without being known, and may have come to
 * pass after all.
 *
 * Old sealed bytes stay in the server's files until it has vacuumed the table and used the
 * space again, and in its write-ahead log. */
typedef struct invsrc_postgres invsrc_postgres;

/* Connects as `conninfo` says, which is libpq's: "key=value …" or a postgresql:// URI; what it
 * leaves out comes from libpq's environment variables, service and password files; "" leaves
 * all out. TLS is as libpq's sslmode says. The tables, invsrc_…, are made in the first schema
 * of the search path when there are none, or brought up to the version of this library.
 * No error's message tells anything of `conninfo`.
 * Returns INVSRC_OK; INVSRC_EINVAL (a NULL); INVSRC_EMALFORMED (`conninfo` is not libpq's);
 * INVSRC_EREFUSED (the server refuses this user, password or database; the database is not
 * in UTF8, or was written by a newer library); INVSRC_EUNAVAILABLE (the server cannot be
 * reached, or takes no connections now); INVSRC_EIO (the server failed); INVSRC_ENOMEM. */
INVSRC_API int32_t invsrc_postgres_open(const char *conninfo, invsrc_postgres **pg,
                                        invsrc_error *error);
INVSRC_API void invsrc_postgres_free(invsrc_postgres *pg);
/* How many connections there may be at a time, 1 to 1000; default 8. Who finds all of them in
 * use waits for one as long as for a statement; inserts that wait at the same time share the one
 * that the first of them gets: they are sent as one pipeline, commit together, and where one
 * fails, it fails alone. Returns INVSRC_OK or INVSRC_EINVAL. */
INVSRC_API int32_t invsrc_postgres_set_pool_size(invsrc_postgres *pg, uint32_t connections);
/* How long the server may work on a statement, in milliseconds, 100 to 600000; default 5000.
 * What takes longer is cancelled, and UNAVAILABLE. How long connecting may take, to each host and
 * each of its addresses, is `connect_timeout` of `conninfo`, in seconds; default 5, whatever
 * PGCONNECT_TIMEOUT or a service file says. Returns INVSRC_OK or INVSRC_EINVAL. */
INVSRC_API int32_t invsrc_postgres_set_statement_timeout(invsrc_postgres *pg,
                                                         uint32_t milliseconds);
INVSRC_API const invsrc_store_vtable *invsrc_postgres_store(void);
/* As invsrc_sqlite_authenticator(), also in how soon a revoke counts. */
INVSRC_API const invsrc_authenticator_vtable *invsrc_postgres_authenticator(void);
INVSRC_API const invsrc_clients_vtable *invsrc_postgres_clients(void);

/* As invsrc_sqlite_apikey_add(), …_list() and …_revoke(), with INVSRC_EUNAVAILABLE where the
 * server cannot be reached or is too slow, and INVSRC_EREFUSED where it denies access. */
INVSRC_API int32_t invsrc_postgres_apikey_add(invsrc_postgres *pg, const char *storefront,
                                              const char *name, invsrc_buffer *key,
                                              invsrc_error *error);
INVSRC_API int32_t invsrc_postgres_apikey_list(invsrc_postgres *pg, const char *storefront,
                                               invsrc_apikey_visitor visit, void *context,
                                               invsrc_error *error);
INVSRC_API int32_t invsrc_postgres_apikey_revoke(invsrc_postgres *pg, const char *client_id,
                                                 invsrc_error *error);

#ifdef __cplusplus
}
#endif

#endif
