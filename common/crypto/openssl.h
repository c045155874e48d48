/* What we use of OpenSSL 3, in one place: its type ERR_STATE would clash with our error code of that name, and evp.h has members called `rand`, so the Makefile
 * puts this header before banned.h for this folder. */
#ifndef COMMON_CRYPTO_OPENSSL_H
#define COMMON_CRYPTO_OPENSSL_H

#define OPENSSL_NO_DEPRECATED
#define ERR_STATE openssl_ERR_STATE
#include <openssl/conf.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <openssl/rand.h>
#include <openssl/x509.h>
#undef ERR_STATE

#endif
