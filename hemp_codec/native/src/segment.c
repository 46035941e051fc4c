#include "segment.h"

#include "rans.h"

/* A stored plane of whole bytes is used where it lies. */
static int is_used_in_place(const hemp_segment_task *task, const hemp_payload *payload) {
    return task->is_lossless && payload->coder == HEMP_CODER_STORED && task->whole.num_levels == 256;
}

/* So is, for speed, one of which the coder rans made a raw block. */
static int is_raw(const hemp_segment_task *task, const hemp_payload *payload, const uint8_t *bytes) {
    return HEMP_MANY_CASES && task->is_lossless && payload->coder == HEMP_CODER_RANS && task->whole.num_levels == 256 &&
           payload->size > 1 && payload->size - 1 == task->whole.size && bytes[0] == HEMP_RANS_RAW;
}

/* Of several planes, which may be stored, are only tensors of 256 levels: each plane has a byte for an element. */
static void begin_payloads(const hemp_segment_task *task, hemp_payloads *payloads) {
    hemp_payloads_begin(payloads, task->source, task->stream, task->segment, task->bytes, task->whole.size);
}

static hemp_status count_scratch(hemp_segment_task *task, const hemp_payloads *payloads, const hemp_payload *payload) {
    uint8_t prefix[HEMP_PAYLOAD_PREFIX];
    const size_t size = payload->size < sizeof prefix ? (size_t)payload->size : sizeof prefix;
    const hemp_status status = hemp_payloads_read(payloads, payload->offset, prefix, size);
    if (status == HEMP_OK) {
        const uint64_t need = hemp_coder_memory(payload->coder, prefix, size, &task->whole, 1);
        task->scratch_size = need > task->scratch_size ? need : task->scratch_size;
    }
    return status;
}

/* Scratch of a coder: what any may have, and how much for each byte of output that is allowed. */
enum { SCRATCH_FREE = 1 << 20, SCRATCH_FACTOR = 4 };

hemp_status hemp_segment_take_rooms(hemp_segment_task *task, hemp_arena *arena) {
    hemp_payloads payloads;
    hemp_payload payload;
    hemp_status status = HEMP_OK;
    const uint64_t room = task->whole.size + (task->whole.size == 0); /* of no elements too: to NULL nothing is added */
    task->scratch_size = 0;
    begin_payloads(task, &payloads);
    for (unsigned i = 0; i < task->stream->planes && status == HEMP_OK; i++) {
        status = hemp_next_payload(&payloads, &payload);
        if (status == HEMP_OK && task->is_lossless && !is_used_in_place(task, &payload)) {
            task->room[payload.plane] = (uint8_t *)hemp_arena_take(arena, room);
        }
        if (status == HEMP_OK) {
            status = count_scratch(task, &payloads, &payload);
        }
    }
    task->field = HEMP_FIELD("segments");
    if (task->max_work > 0 && task->scratch_size > SCRATCH_FREE &&
        task->scratch_size / SCRATCH_FACTOR > task->max_work) {
        return HEMP_LIMIT_EXCEEDED; /* such as a window of zstd that is larger than all that it may be for */
    }
    task->scratch = hemp_arena_take(arena, task->scratch_size);
    return status == HEMP_READ_FAILED ? status : HEMP_OK;
}

/* Let the parts be decoded one after the other into the room for a plane. */
static void point_parts_to(hemp_segment_task *task, uint8_t *room) {
    for (size_t i = 0; i < task->part_count; i++) {
        task->parts[i].indices = room;
        room += task->parts[i].size;
    }
}

static hemp_status decode_payload(hemp_segment_task *task, const hemp_payload *payload) {
    const uint8_t *bytes = task->bytes + payload->offset;
    task->field = hemp_coder_name(payload->coder);
    if (task->work != NULL) {
        *task->work += hemp_payload_work(payload->coder, bytes, (size_t)payload->size, task->whole.size);
        if (*task->work > task->max_work) {
            return HEMP_LIMIT_EXCEEDED;
        }
    }
    if (is_used_in_place(task, payload)) {
        task->planes[payload->plane] = bytes;
        return payload->size == task->whole.size ? HEMP_OK : HEMP_BAD_PAYLOAD;
    }
    if (is_raw(task, payload, bytes)) {
        task->planes[payload->plane] = bytes + 1;
        return HEMP_OK;
    }
    if (task->is_lossless) {
        task->planes[payload->plane] = task->room[payload->plane];
        point_parts_to(task, task->room[payload->plane]);
    }
    if (HEMP_MANY_CASES && task->is_lossless && payload->coder == HEMP_CODER_RANS) {
        const hemp_rans_later stored = {task->bytes, (size_t)payload->offset};
        return hemp_rans_decode_with(&stored, bytes, (size_t)payload->size, task->parts, task->part_count,
                                     task->scratch, (size_t)task->scratch_size);
    }
    return hemp_coder_decode(payload->coder, bytes, (size_t)payload->size, task->parts, task->part_count, task->scratch,
                             (size_t)task->scratch_size);
}

hemp_status hemp_segment_decode(hemp_segment_task *task) {
    hemp_payloads payloads;
    hemp_payload payload;
    hemp_status status = HEMP_OK;
    begin_payloads(task, &payloads);
    for (unsigned i = 0; i < task->stream->planes && status == HEMP_OK; i++) {
        task->field = HEMP_FIELD("payload");
        status = hemp_next_payload(&payloads, &payload);
        if (status == HEMP_OK) {
            status = decode_payload(task, &payload);
        }
    }
    return status;
}

void hemp_segment_planes(const hemp_segment_task *task, uint64_t start, const uint8_t *planes[HEMP_MAX_PLANES]) {
    for (unsigned p = 0; p < task->stream->planes; p++) {
        planes[p] = task->planes[p] + start;
    }
}
