/* What the files of the library need of each other beside hemp.h. */
#ifndef HEMP_INTERNAL_H
#define HEMP_INTERNAL_H

#include "hemp.h"

/* The name of a field for hemp_place, unless strings are left out. */
#ifdef HEMP_NO_STRINGS
#define HEMP_FIELD(name) NULL
#else
#define HEMP_FIELD(name) name
#endif

/* Small code rather than quick code; what optimizing for size asks for too. */
#if defined(__OPTIMIZE_SIZE__) && !defined(HEMP_SMALL)
#define HEMP_SMALL
#endif

/* Whether the same code is to be made several times, each quick for a case of its own. */
#ifdef HEMP_SMALL
enum { HEMP_MANY_CASES = 0 };
#else
enum { HEMP_MANY_CASES = 1 };
#endif

/* For what is called where something is wrong, from many places: compilers copy it into all of them otherwise. */
#if defined(__GNUC__)
#define HEMP_NOINLINE __attribute__((noinline))
#else
#define HEMP_NOINLINE
#endif

/* Of the functions that files call of each other: in the amalgamated file compilers would copy them into each other. */
#ifdef HEMP_SMALL
#define HEMP_ACROSS_FILES HEMP_NOINLINE
#else
#define HEMP_ACROSS_FILES
#endif

/* One of several texts that stand one after the other, each ended by a zero byte. */
const char *hemp_nth_text(const char *texts, unsigned number);

/* Note where something failed; gives the status. */
hemp_status hemp_fail(hemp_place *place, hemp_status status, uint64_t offset, uint64_t tensor, const char *field);

#endif
