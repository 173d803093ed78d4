/* Who a request comes from when proxies stand before ingest. Each of them adds to X-Forwarded-For
 * the address that it was asked from, at the right; what stands further left may be anybody's
 * invention. So the word of a peer that is trusted counts, then that of the proxy which it names,
 * as long as that one is trusted too. */
#ifndef MH_INGEST_FORWARDED_H
#define MH_INGEST_FORWARDED_H

#include "ingest/http/networks.h"

/* The setting trusted_proxies: networks parted by commas. *ret_trusted is NULL for none. -EINVAL.
 */
MUST_CHECK int forwarded_parse_trusted(const char *text, struct networks **ret_trusted);
/* `peer`, or the client's address, which is put into `out`. `chain` is X-Forwarded-For, several of
 * them joined by commas in their order, or NULL. Where it is to be believed and is no address, it
 * is the peer's. */
const char *forwarded_client(const struct networks *trusted, const char *peer, const char *chain,
                             char out[NETWORKS_ADDRESS_SIZE]);

#endif
