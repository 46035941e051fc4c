/* The coder `rans` (spec/coders.md, 6): rounds of 32 lanes with AVX2.  The bytes are those of the portable code. */
#include "rans_lanes.h"

#ifdef HEMP_X86_SIMD
#include <immintrin.h>
#include <string.h>

enum { VECTORS = 4, WORDS_READ = 2 * HEMP_RANS_MAX_LANES };

/* For each mask of lanes that take a word: where in the next words the bytes of each lane are.  A lane that takes none
 * gets zeros. */
#define LANES_BEFORE(mask, i) ((unsigned)__builtin_popcount((mask) & ((1u << (i)) - 1)))
#define LANE(mask, i) ((mask) & (1u << (i)) ? 0x80800100u + 0x202u * LANES_BEFORE(mask, i) : ~0u)
#define LANES(m) {LANE(m, 0), LANE(m, 1), LANE(m, 2), LANE(m, 3), LANE(m, 4), LANE(m, 5), LANE(m, 6), LANE(m, 7)}
#define FOUR_MASKS(m) LANES(m), LANES((m) + 1), LANES((m) + 2), LANES((m) + 3)
#define SIXTEEN_MASKS(m) FOUR_MASKS(m), FOUR_MASKS((m) + 4), FOUR_MASKS((m) + 8), FOUR_MASKS((m) + 12)
#define SIXTY_FOUR_MASKS(m) SIXTEEN_MASKS(m), SIXTEEN_MASKS((m) + 16), SIXTEEN_MASKS((m) + 32), SIXTEEN_MASKS((m) + 48)

static const uint32_t words_of_lanes[256][8] = {SIXTY_FOUR_MASKS(0u), SIXTY_FOUR_MASKS(64u), SIXTY_FOUR_MASKS(128u),
                                                SIXTY_FOUR_MASKS(192u)};

/* Eight slots from where `at` shifts its own into place, which is all that is used of them. */
HEMP_AVX2 static inline __m256i slots_from(const uint32_t *slots, uint64_t at, int place) {
    return _mm256_loadu_si256((const __m256i *)(slots + at - place));
}

/* Whole loads, of which each lane keeps one slot: quicker than to insert single slots, and on many processors than the
 * instruction that gathers. */
HEMP_AVX2 static inline __m256i look_up(const uint32_t *slots, __m256i at) {
    const __m128i low = _mm256_castsi256_si128(at), high = _mm256_extracti128_si256(at, 1);
    const uint64_t a = (uint64_t)_mm_cvtsi128_si64(low), b = (uint64_t)_mm_extract_epi64(low, 1);
    const uint64_t c = (uint64_t)_mm_cvtsi128_si64(high), d = (uint64_t)_mm_extract_epi64(high, 1);
    __m256i first = slots_from(slots, (uint32_t)a, 0), second = slots_from(slots, (uint32_t)c, 4);
    first = _mm256_blend_epi32(first, slots_from(slots, a >> 32, 1), 1 << 1);
    second = _mm256_blend_epi32(second, slots_from(slots, c >> 32, 5), 1 << 5);
    first = _mm256_blend_epi32(first, slots_from(slots, (uint32_t)b, 2), 1 << 2);
    second = _mm256_blend_epi32(second, slots_from(slots, (uint32_t)d, 6), 1 << 6);
    first = _mm256_blend_epi32(first, slots_from(slots, b >> 32, 3), 1 << 3);
    second = _mm256_blend_epi32(second, slots_from(slots, d >> 32, 7), 1 << 7);
    return _mm256_blend_epi32(first, second, 0xF0);
}

/* Eight lanes: their symbols, in 32 bits each, and their next states; *next moves behind the words taken. */
HEMP_AVX2 static inline __m256i step(__m256i *state, const uint32_t *slots, const uint8_t **next) {
    const __m256i x = *state;
    const __m256i v = _mm256_and_si256(x, _mm256_set1_epi32(HEMP_RANS_SCALE - 1));
    const __m256i slot = look_up(slots, v);
    const __m256i frequency = _mm256_and_si256(_mm256_srli_epi32(slot, 8), _mm256_set1_epi32(0xFFF));
    const __m256i share = _mm256_mullo_epi32(frequency, _mm256_srli_epi32(x, HEMP_RANS_SCALE_BITS));
    const __m256i advanced = _mm256_add_epi32(share, _mm256_srli_epi32(slot, 20));
    const __m256i more = _mm256_cmpeq_epi32(_mm256_srli_epi32(advanced, 16), _mm256_setzero_si256());
    const unsigned mask = (unsigned)_mm256_movemask_ps(_mm256_castsi256_ps(more));
    const __m256i words = _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)*next));
    const __m256i order = _mm256_loadu_si256((const __m256i *)words_of_lanes[mask]);
    const __m256i shifts = _mm256_and_si256(more, _mm256_set1_epi32(16));
    *state = _mm256_or_si256(_mm256_sllv_epi32(advanced, shifts), _mm256_shuffle_epi8(words, order));
    *next += 2 * (unsigned)__builtin_popcount(mask);
    return _mm256_and_si256(slot, _mm256_set1_epi32(0xFF));
}

/* Ask for what will be read after the symbols, while these wait for one another. */
HEMP_AVX2 static inline void fetch(const uint8_t *data) {
    _mm_prefetch((const char *)data, _MM_HINT_T0);
    _mm_prefetch((const char *)((uintptr_t)data + 64), _MM_HINT_T0);
}

HEMP_AVX2 size_t hemp_rans_rounds_avx2(hemp_rans_lanes *lanes, const uint32_t *slots, uint8_t *out, size_t size) {
    /* Packing works within halves of a register; this brings groups of four symbols back into their order. */
    const __m256i in_order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
    const uint8_t *next = lanes->next, *later = lanes->later;
    __m256i states[VECTORS];
    size_t done = 0;
    memcpy(states, lanes->states, sizeof states);
    while (size - done >= HEMP_RANS_MAX_LANES && lanes->end - next >= WORDS_READ) {
        const __m256i a = step(&states[0], slots, &next);
        const __m256i b = step(&states[1], slots, &next);
        const __m256i c = step(&states[2], slots, &next);
        const __m256i d = step(&states[3], slots, &next);
        const __m256i bytes = _mm256_packus_epi16(_mm256_packus_epi32(a, b), _mm256_packus_epi32(c, d));
        _mm256_storeu_si256((__m256i *)(out + done), _mm256_permutevar8x32_epi32(bytes, in_order));
        done += HEMP_RANS_MAX_LANES;
        if (later != NULL) {
            fetch(later);
            later += lanes->later_step;
        }
    }
    memcpy(lanes->states, states, sizeof states);
    lanes->next = next;
    lanes->later = later;
    return done;
}
#else
typedef int hemp_rans_without_avx2; /* C wants a declaration in every file */
#endif
