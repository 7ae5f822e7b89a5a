/* Avro records into Arrow columns, a batch a call: what `columns.py` calls, and nothing else does.
 *
 * A reader is a tree of columns, one for each type of the Avro schema, told as a flat program (`reader_new`). A record is read in one walk
 * over its bytes: each number and string is checked and copied to the end of its column. A record that is damaged anywhere is taken back
 * whole, and the next one read; which were not read is told for each, why is not: that is for a slower and wordier reader to say.
 *
 * What is read leaves in the Arrow C data interface (https://arrow.apache.org/docs/format/CDataInterface.html), whose buffers belong to
 * whoever releases them; nothing of it is copied again. Encodings: https://avro.apache.org/docs/1.12.0/specification/#data-serialization-and-deserialization
 *
 * A reader is used by one thread at a time. Memory is asked for as it is needed, and bounded by what comes in: a value of n bytes makes
 * columns of some 20 n bytes at the most.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#if defined(_WIN32)
#define EXPORT __declspec(dllexport)
#else
#define EXPORT __attribute__((visibility("default")))
#endif

#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "Avro's and Arrow's floats are little-endian, and are copied as they are"
#endif

/* The Arrow C data interface. */
struct ArrowArray {
    int64_t length, null_count, offset, n_buffers, n_children;
    const void **buffers;
    struct ArrowArray **children;
    struct ArrowArray *dictionary;
    void (*release)(struct ArrowArray *);
    void *private_data;
};

/* What a column holds; the numbers are those of `columns.py`. */
enum kind { STRING = 0, FLOAT = 1, DOUBLE = 2, INT = 3, LONG = 4, BOOLEAN = 5, LIST = 6, RECORD = 7 };

/* What became of a value. */
enum outcome { READ = 0, OTHER = 1, DAMAGED = 2 };

enum {
    INSTRUCTION_WORDS = 4, /* kind, branch of null or -1, whether it may be null, children */
    NUMBER_BYTES_MAX = 10,
    SHORT = 16,
};

typedef struct column {
    enum kind kind;
    int null_branch;  /* of its union; -1: it is no union */
    bool may_be_null; /* by its own union, or because what it stands in may be */
    int children;
    struct column **child;
    int64_t rows;  /* so far, where it may be null; others are as long as what they stand in, which is known */
    int64_t nulls; /* among them */
    int64_t items; /* bytes of all strings, or items of all lists */
    int64_t room_rows, room_items;
    int64_t last_rows, last_items; /* rows and bytes of the batch before: the next one will want as many */
    uint8_t *valid;                /* a bit a row, where it may be null */
    int32_t *ends;                 /* of strings and lists, rows + 1 */
    uint8_t *data;
} column;

static int64_t width_of(enum kind kind) { return kind == FLOAT || kind == INT ? 4 : 8; }
static bool has_ends(const column *c) { return c->kind == STRING || c->kind == LIST; }
static bool is_fixed(const column *c) { return c->kind != RECORD && c->kind != BOOLEAN && !has_ends(c); }
static int64_t bits(int64_t rows) { return (rows + 7) / 8; }

/* Room ------------------------------------------------------------------------------------------------------------------------------- */

static bool resize(void *memory, int64_t bytes) {
    void **held = memory, *larger = realloc(*held, (size_t)bytes);
    if (larger) *held = larger;
    return larger;
}

static bool grow_bits(uint8_t **held, int64_t old, int64_t rows) {
    if (!resize(held, bits(rows))) return false;
    memset(*held + bits(old), 0, (size_t)(bits(rows) - bits(old)));
    return true;
}

/* Room for so many rows in a column, and in the columns of a record. */
static bool reserve(column *c, int64_t rows) {
    if (rows > c->room_rows) {
        int64_t wanted = rows > 2 * c->room_rows ? rows : 2 * c->room_rows;
        if (wanted < c->last_rows) wanted = c->last_rows;
        if (c->may_be_null && !grow_bits(&c->valid, c->room_rows, wanted)) return false;
        if (c->kind == BOOLEAN && !grow_bits(&c->data, c->room_rows, wanted)) return false;
        if (is_fixed(c) && !resize(&c->data, wanted * width_of(c->kind))) return false;
        if (has_ends(c)) {
            bool is_new = !c->ends;
            if (!resize(&c->ends, (wanted + 1) * (int64_t)sizeof(int32_t))) return false;
            if (is_new) c->ends[0] = 0;
        }
        c->room_rows = wanted;
    }
    for (int i = 0; c->kind == RECORD && i < c->children; i++)
        if (!reserve(c->child[i], rows)) return false;
    return true;
}

/* Room for some bytes more of strings, and for a short string to be copied in one piece. */
static bool reserve_bytes(column *c, int64_t more) {
    int64_t wanted = c->room_items * 2;
    if (wanted < c->last_items + c->last_items / 16) wanted = c->last_items + c->last_items / 16;
    if (wanted < c->items + more + SHORT) wanted = c->items + more + SHORT;
    if (!resize(&c->data, wanted)) return false;
    c->room_items = wanted;
    return true;
}

/* A column that may be null stays behind what it stands in where it is: that costs nothing until something follows, or the batch ends. */
static void catch_up(column *c, int64_t rows) {
    if (c->rows >= rows) return;
    if (has_ends(c)) {
        for (int64_t row = c->rows; row < rows; row++) c->ends[row + 1] = c->ends[row];
    } else if (is_fixed(c)) {
        memset(c->data + c->rows * width_of(c->kind), 0, (size_t)((rows - c->rows) * width_of(c->kind)));
    }
    c->nulls += rows - c->rows;
    c->rows = rows;
}

static void set_bit(uint8_t *to, int64_t row) { to[row >> 3] |= (uint8_t)(1 << (row & 7)); }
static void clear_bit(uint8_t *to, int64_t row) { to[row >> 3] &= (uint8_t)~(1 << (row & 7)); }
static bool has_bit(const uint8_t *of, int64_t row) { return of[row >> 3] >> (row & 7) & 1; }

/* Values -----------------------------------------------------------------------------------------------------------------------------
 *
 * What reads is given where it begins, and gives where what it read ends: NULL where that is damaged, or beyond the end. */

typedef struct {
    const uint8_t *end;
    bool no_memory;
} input;

static const uint8_t *read_long_number(const uint8_t *at, const uint8_t *end, int64_t *number) {
    uint64_t read = 0;
    for (int place = 0; place < NUMBER_BYTES_MAX && at < end; place++) {
        uint8_t byte = *at++;
        read |= (uint64_t)(byte & 0x7F) << (7 * place);
        if (byte < 0x80) {
            *number = (int64_t)(read >> 1) ^ -(int64_t)(read & 1);
            return at;
        }
    }
    return NULL;
}

static inline const uint8_t *read_number(const uint8_t *at, const uint8_t *end, int64_t *number) {
    if (at < end && *at < 0x80) {
        *number = (*at >> 1) ^ -(*at & 1);
        return at + 1;
    }
    return read_long_number(at, end, number);
}

/* As Unicode's table 3-7 has it: no overlong forms, no surrogates, nothing beyond U+10FFFF. */
static bool is_utf8(const uint8_t *at, const uint8_t *end) {
    while (at < end) {
        uint8_t lead = *at++;
        if (lead < 0x80) continue;
        int more = lead >= 0xC2 && lead <= 0xDF ? 1 : lead >= 0xE0 && lead <= 0xEF ? 2 : lead >= 0xF0 && lead <= 0xF4 ? 3 : 0;
        if (!more || end - at < more) return false;
        uint8_t low = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80, high = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;
        if (*at < low || *at > high) return false;
        for (int i = 1; i < more; i++)
            if ((at[i] & 0xC0) != 0x80) return false;
        at += more;
    }
    return true;
}

static const uint64_t HIGH_BITS = 0x8080808080808080u;

static inline uint64_t load(const uint8_t *at) {
    uint64_t word;
    memcpy(&word, at, sizeof word);
    return word;
}

static bool is_ascii(const uint8_t *at, int64_t length) {
    uint64_t seen = 0;
    for (; length >= 8; at += 8, length -= 8) seen |= load(at);
    for (; length > 0; at++, length--) seen |= *at;
    return !(seen & HIGH_BITS);
}

/* The first so many bytes of a word, 0 to 8. */
static inline uint64_t first_of(uint64_t word, int64_t bytes) {
    return bytes >= 8 ? word : bytes <= 0 ? 0 : word & (((uint64_t)1 << (8 * bytes)) - 1);
}

static inline const uint8_t *read_string(column *c, int64_t row, const uint8_t *at, input *in) {
    int64_t length, items = c->items;
    at = read_number(at, in->end, &length);
    if (!at || length < 0 || length > in->end - at || items + length > INT32_MAX) return NULL;
    if (items + length + SHORT > c->room_items && !reserve_bytes(c, length)) {
        in->no_memory = true;
        return NULL;
    }
    uint8_t *to = c->data + items;
    if (length <= SHORT && in->end - at >= SHORT) {
        uint64_t first = load(at), second = load(at + 8);
        memcpy(to, &first, 8);
        memcpy(to + 8, &second, 8);
        /* What lies behind a short string is no part of it. */
        uint64_t seen = first_of(first, length) | first_of(second, length - 8);
        if (seen & HIGH_BITS && !is_utf8(at, at + length)) return NULL;
    } else {
        if (!is_ascii(at, length) && !is_utf8(at, at + length)) return NULL;
        memcpy(to, at, (size_t)length);
    }
    c->items = items + length;
    c->ends[row + 1] = (int32_t)(items + length);
    return at + length;
}

static inline const uint8_t *read_fixed(column *c, int64_t row, const uint8_t *at, const uint8_t *end) {
    if (c->kind == FLOAT) {
        if (end - at < 4) return NULL;
        memcpy(c->data + row * 4, at, 4);
        return at + 4;
    }
    if (end - at < 8) return NULL;
    memcpy(c->data + row * 8, at, 8);
    return at + 8;
}

static const uint8_t *read_integer(column *c, int64_t row, const uint8_t *at, const uint8_t *end) {
    int64_t number;
    if (!(at = read_number(at, end, &number))) return NULL;
    if (c->kind == LONG) {
        memcpy(c->data + row * 8, &number, 8);
        return at;
    }
    int32_t narrow = (int32_t)number;
    memcpy(c->data + row * 4, &narrow, 4);
    return narrow == number ? at : NULL;
}

static const uint8_t *read_boolean(column *c, int64_t row, const uint8_t *at, const uint8_t *end) {
    if (at >= end) return NULL; /* a byte that is neither 0 nor 1 is true, as the other reader has it */
    if (*at) set_bit(c->data, row);
    else clear_bit(c->data, row);
    return at + 1;
}

static const uint8_t *read_value(column *c, int64_t row, const uint8_t *at, input *in);
static const uint8_t *read_record(column *c, int64_t row, const uint8_t *at, input *in);

/* Blocks of items, each with its length in front: a negative one is followed by the block's size in bytes, which is of no use here. */
static const uint8_t *read_list(column *c, int64_t row, const uint8_t *at, input *in) {
    int64_t count, size;
    while ((at = read_number(at, in->end, &count)) && count) {
        if (count < 0 && (count == INT64_MIN || !(at = read_number(at, in->end, &size)))) return NULL;
        if (count < 0) count = -count;
        if (count > in->end - at || c->items + count > INT32_MAX) return NULL; /* an item takes a byte at least */
        if (!reserve(c->child[0], c->items + count)) {
            in->no_memory = true;
            return NULL;
        }
        column *item = c->child[0];
        bool is_record = item->kind == RECORD && !item->may_be_null;
        for (int64_t i = 0; i < count; i++, c->items++)
            if (!(at = is_record ? read_record(item, c->items, at, in) : read_value(item, c->items, at, in))) return NULL;
    }
    c->ends[row + 1] = (int32_t)c->items;
    return at;
}

static const uint8_t *read_record(column *c, int64_t row, const uint8_t *at, input *in) {
    for (int i = 0; at && i < c->children; i++) {
        column *child = c->child[i];
        /* Nearly all of what there is to read: the strings and numbers of concepts. */
        if (child->may_be_null) at = read_value(child, row, at, in);
        else if (child->kind == STRING) at = read_string(child, row, at, in);
        else if (child->kind == FLOAT) at = read_fixed(child, row, at, in->end);
        else at = read_value(child, row, at, in);
    }
    return at;
}

static const uint8_t *read_value(column *c, int64_t row, const uint8_t *at, input *in) {
    if (c->null_branch >= 0) {
        int64_t branch;
        if (!(at = read_number(at, in->end, &branch)) || (branch != 0 && branch != 1)) return NULL;
        if (branch == c->null_branch) return at;
    }
    if (c->may_be_null) catch_up(c, row);
    switch (c->kind) {
    case STRING: at = read_string(c, row, at, in); break;
    case FLOAT: case DOUBLE: at = read_fixed(c, row, at, in->end); break;
    case INT: case LONG: at = read_integer(c, row, at, in->end); break;
    case BOOLEAN: at = read_boolean(c, row, at, in->end); break;
    case LIST: at = read_list(c, row, at, in); break;
    case RECORD: at = read_record(c, row, at, in); break;
    }
    if (at && c->may_be_null) {
        set_bit(c->valid, row);
        c->rows = row + 1;
    }
    return at;
}

/* Batches ---------------------------------------------------------------------------------------------------------------------------- */

/* Forget what comes after so many rows, half-read ones included. */
static void cut(column *c, int64_t rows) {
    if (c->may_be_null) {
        for (; c->rows > rows; c->rows--) {
            if (has_bit(c->valid, c->rows - 1)) clear_bit(c->valid, c->rows - 1);
            else c->nulls--;
        }
        rows = c->rows;
    }
    if (has_ends(c)) c->items = c->ends ? c->ends[rows] : 0;
    for (int i = 0; i < c->children; i++) cut(c->child[i], c->kind == LIST ? c->items : rows);
}

/* Make all columns as long as what they stand in. */
static bool even_out(column *c, int64_t rows) {
    if (!reserve(c, rows > 0 ? rows : 1)) return false;
    if (c->may_be_null) catch_up(c, rows);
    c->rows = rows;
    for (int i = 0; i < c->children; i++)
        if (!even_out(c->child[i], c->kind == LIST ? c->items : rows)) return false;
    return true;
}

static void start_anew(column *c) {
    c->last_rows = c->rows, c->last_items = c->kind == STRING ? c->items : 0;
    c->rows = c->nulls = c->items = c->room_rows = c->room_items = 0;
    c->valid = c->data = NULL;
    c->ends = NULL;
    for (int i = 0; i < c->children; i++) start_anew(c->child[i]);
}

static void free_buffers(column *c) {
    free(c->valid), free(c->ends), free(c->data);
    for (int i = 0; i < c->children; i++) free_buffers(c->child[i]);
}

static void release(struct ArrowArray *array) {
    for (int64_t i = 0; i < array->n_buffers; i++) free((void *)array->buffers[i]);
    for (int64_t i = 0; i < array->n_children; i++) {
        if (array->children[i]->release) array->children[i]->release(array->children[i]);
        free(array->children[i]);
    }
    free(array->buffers);
    free(array->children);
    array->release = NULL;
}

/* Hand a column's buffers over. It is done for the root once all of `out` could be had, so that nothing is half handed over. */
static void fill(const column *c, struct ArrowArray *out) {
    int next = 0;
    out->length = c->rows, out->null_count = c->nulls;
    bool has_nulls = c->nulls > 0;
    if (!has_nulls) free(c->valid);
    out->buffers[next++] = has_nulls ? c->valid : NULL;
    if (has_ends(c)) out->buffers[next++] = c->ends;
    if (c->kind != LIST && c->kind != RECORD) out->buffers[next++] = c->data;
    for (int i = 0; i < c->children; i++) fill(c->child[i], out->children[i]);
}

static bool outline(const column *c, struct ArrowArray *out) {
    memset(out, 0, sizeof *out);
    out->release = release;
    int buffers = c->kind == STRING ? 3 : c->kind == RECORD ? 1 : 2;
    if (!(out->buffers = calloc((size_t)buffers, sizeof(void *)))) return false;
    out->n_buffers = buffers;
    if (c->children && !(out->children = calloc((size_t)c->children, sizeof(void *)))) return false;
    for (int i = 0; i < c->children; i++) {
        if (!(out->children[i] = calloc(1, sizeof(struct ArrowArray)))) return false;
        out->n_children = i + 1;
        if (!outline(c->child[i], out->children[i])) return false;
    }
    return true;
}

static bool hand_over(column *root, struct ArrowArray *out) {
    if (!outline(root, out)) {
        release(out);
        return false;
    }
    fill(root, out);
    return true;
}

static bool is_ours(const uint8_t *value, int64_t length, const uint8_t *header, int64_t header_bytes) {
    return length >= header_bytes && !memcmp(value, header, (size_t)header_bytes);
}

/* Of Python's stable C API, as addresses, so that nothing here is compiled or linked with Python
 * (https://docs.python.org/3/c-api/stable.html). */
typedef struct {
    void *(*list_item)(void *list, ptrdiff_t place);           /* PyList_GetItem */
    int (*bytes_at)(void *item, char **at, ptrdiff_t *length); /* PyBytes_AsStringAndSize */
} python;

/* Where the values of a list of bytes objects lie, for as long as they are kept: joining them took longer than to read them.
 *
 * values, lengths: `count` of each, which is the list's length.
 * Returns how many were found; where that is fewer, the next is no bytes object, and Python has been told of its exception.
 */
EXPORT int64_t values_find(const python *api, void *list, int64_t count, const uint8_t **values, int64_t *lengths) {
    int64_t found = 0;
    for (; found < count; found++) {
        char *at;
        ptrdiff_t length;
        void *item = api->list_item(list, (ptrdiff_t)found);
        if (!item || api->bytes_at(item, &at, &length)) break;
        values[found] = (const uint8_t *)at, lengths[found] = length;
    }
    return found;
}

/* Read a batch.
 *
 * values: where each is; their `count` lengths. One that does not begin with the header, or is larger than bytes_max, is OTHER.
 * outcomes: `count` of enum outcome.
 * out: a struct array with a row for each value that was READ, in order; its owner releases it.
 * Returns how many were READ; -1: there is no memory for it, and nothing was handed over.
 */
EXPORT int64_t reader_read_values(column *root, const uint8_t **values, const int64_t *lengths, int64_t count, const uint8_t *header,
                                  int64_t header_bytes, int64_t bytes_max, uint8_t *outcomes, struct ArrowArray *out) {
    int64_t row = 0;
    bool has_memory = reserve(root, count);
    for (int64_t i = 0; i < count && has_memory; i++) {
        if (lengths[i] > bytes_max || !is_ours(values[i], lengths[i], header, header_bytes)) {
            outcomes[i] = OTHER;
            continue;
        }
        input in = {values[i] + lengths[i], false};
        bool is_read = read_record(root, row, values[i] + header_bytes, &in);
        outcomes[i] = is_read ? READ : DAMAGED;
        if (is_read) row++;
        else cut(root, row);
        has_memory = !in.no_memory;
    }
    has_memory = has_memory && even_out(root, row) && hand_over(root, out);
    if (!has_memory) free_buffers(root);
    start_anew(root);
    return has_memory ? row : -1;
}

EXPORT void reader_free(column *c) {
    if (!c) return;
    for (int i = 0; i < c->children; i++) reader_free(c->child[i]);
    free(c->child);
    free(c);
}

static column *build(const int32_t **at) {
    const int32_t *told = *at;
    column *c = calloc(1, sizeof *c);
    *at += INSTRUCTION_WORDS;
    if (!c) return NULL;
    c->kind = (enum kind)told[0], c->null_branch = told[1], c->may_be_null = told[2];
    c->child = calloc((size_t)told[3] + 1, sizeof *c->child);
    for (int i = 0; c->child && i < told[3]; i++) {
        if (!(c->child[i] = build(at))) break;
        c->children++;
    }
    if (c->children == told[3]) return c;
    reader_free(c);
    return NULL;
}

/* A reader of what a program tells: for each type INSTRUCTION_WORDS numbers, its children's behind it. NULL: there is no memory. */
EXPORT column *reader_new(const int32_t *program) { return build(&program); }
