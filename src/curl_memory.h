/*
 * The memory of libcurl, which keeps copies of what it sends and does not wipe them.
 */
#ifndef CURL_MEMORY_H
#define CURL_MEMORY_H

/* From now on what libcurl gives back is wiped first. Before it is used, and before there
 * are threads. */
void curl_memory_wipe(void);

#endif
