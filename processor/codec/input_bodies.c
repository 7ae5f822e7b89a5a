/* Bodies of inputs, and their ids, for many predictions at once: what `input_bodies.py` calls, and nothing else does.
 *
 * A body is JSON made of what the prediction's input holds, read where its columns have it, and of its collector's part, which is the same in
 * all of its inputs. What JSON cannot tell by a copy (metadata that may have a field of the name that is put in) is left to others.
 *
 * SHA-256 is FIPS 180-4's. Columns are Arrow's (https://arrow.apache.org/docs/format/Columnar.html).
 */
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#if defined(_WIN32)
#define EXPORT __declspec(dllexport)
#else
#define EXPORT __attribute__((visibility("default")))
#endif

enum { ID_DIGITS = 32, CONTENTS = 4, FIELDS = 2, BLOCK = 64 };

/* A column of strings; `ends` is NULL where no row has one. */
typedef struct {
    const uint8_t *valid; /* a bit a row; NULL: all have one */
    const int32_t *ends;
    const uint8_t *data;
} strings;

/* A column of media or texts: a record of two strings; `valid` is NULL where no row has one. */
typedef struct {
    const uint8_t *valid;
    strings field[FIELDS];
} content;

/* What `input_bodies.py` makes of a batch: addresses, in this order. */
typedef struct {
    strings id;
    content contents[CONTENTS];
    strings metadata, geo;
} predictions;

/* Of a collector: its name and a zero byte, what stands between id and data, what stands before the prediction's id, and after it. */
enum part { NAME, BETWEEN, BEFORE, AFTER, PARTS };

typedef struct {
    const uint8_t *at;
    int64_t length;
} text;

/* Where bodies are written; what does not fit is counted all the same. */
typedef struct {
    uint8_t *to;
    int64_t room, length;
} output;

static const char *const CONTENT_NAMES[CONTENTS] = {"image", "video", "audio", "text"};
static const char *const FIELD_NAMES[CONTENTS][FIELDS] = {{"url", "base64"}, {"url", "base64"}, {"url", "base64"}, {"raw", "url"}};
static const char HEX[] = "0123456789abcdef";

/* SHA-256 ---------------------------------------------------------------------------------------------------------------------------- */

static const uint32_t ROUND[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5, 0xd807aa98, 0x12835b01, 0x243185be,
    0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa,
    0x5cb0a9dc, 0x76f988da, 0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967, 0x27b70a85,
    0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85, 0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3,
    0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070, 0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f,
    0x682e6ff3, 0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

static uint32_t turned(uint32_t word, int by) { return word >> by | word << (32 - by); }

static void hash_block(uint32_t state[8], const uint8_t *at) {
    uint32_t w[64], s[8];
    for (int i = 0; i < 16; i++, at += 4) w[i] = (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
    for (int i = 16; i < 64; i++) {
        uint32_t low = turned(w[i - 15], 7) ^ turned(w[i - 15], 18) ^ w[i - 15] >> 3;
        uint32_t high = turned(w[i - 2], 17) ^ turned(w[i - 2], 19) ^ w[i - 2] >> 10;
        w[i] = w[i - 16] + low + w[i - 7] + high;
    }
    memcpy(s, state, sizeof s);
    for (int i = 0; i < 64; i++) {
        uint32_t chosen = (s[4] & s[5]) ^ (~s[4] & s[6]), most = (s[0] & s[1]) ^ (s[0] & s[2]) ^ (s[1] & s[2]);
        uint32_t one = s[7] + (turned(s[4], 6) ^ turned(s[4], 11) ^ turned(s[4], 25)) + chosen + ROUND[i] + w[i];
        uint32_t two = (turned(s[0], 2) ^ turned(s[0], 13) ^ turned(s[0], 22)) + most;
        memmove(s + 1, s, 7 * sizeof *s);
        s[4] += one;
        s[0] = one + two;
    }
    for (int i = 0; i < 8; i++) state[i] += s[i];
}

/* The first digits of the hash of two texts, one behind the other. */
static void hash(text first, text second, uint8_t digits[ID_DIGITS]) {
    uint32_t state[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
    uint8_t block[BLOCK];
    int filled = 0;
    const text texts[2] = {first, second};
    for (int i = 0; i < 2; i++) {
        text rest = texts[i];
        while (rest.length > 0) {
            int64_t more = rest.length < BLOCK - filled ? rest.length : BLOCK - filled;
            memcpy(block + filled, rest.at, (size_t)more);
            rest.at += more, rest.length -= more, filled += (int)more;
            if (filled == BLOCK) hash_block(state, block), filled = 0;
        }
    }
    uint64_t bits = (uint64_t)(first.length + second.length) * 8;
    block[filled++] = 0x80;
    if (filled > BLOCK - 8) {
        memset(block + filled, 0, (size_t)(BLOCK - filled));
        hash_block(state, block), filled = 0;
    }
    memset(block + filled, 0, (size_t)(BLOCK - 8 - filled));
    for (int i = 0; i < 8; i++) block[BLOCK - 1 - i] = (uint8_t)(bits >> (8 * i));
    hash_block(state, block);
    for (int i = 0; i < ID_DIGITS; i++) digits[i] = (uint8_t)HEX[state[i / 8] >> (28 - 4 * (i % 8)) & 15];
}

/* JSON ------------------------------------------------------------------------------------------------------------------------------- */

static void put(output *out, const void *from, int64_t length) {
    if (length > 0 && out->length + length <= out->room) memcpy(out->to + out->length, from, (size_t)length);
    out->length += length;
}

static void put_text(output *out, text of) { put(out, of.at, of.length); }
static void put_word(output *out, const char *word) { put(out, word, (int64_t)strlen(word)); }

/* A character that a string holds escaped (RFC 8259, section 7), as orjson writes it. */
static void put_escaped(output *out, uint8_t byte) {
    static const char SHORT[] = "btn\0fr"; /* from 8 on */
    char escaped[6] = {'\\', 'u', '0', '0', HEX[byte >> 4], HEX[byte & 15]};
    if (byte >= 8 && byte <= 13 && byte != 11) put(out, (char[2]){'\\', SHORT[byte - 8]}, 2);
    else if (byte < 0x20) put(out, escaped, 6);
    else put(out, (char[2]){'\\', (char)byte}, 2);
}

static bool is_escaped(uint8_t byte) { return byte < 0x20 || byte == '"' || byte == '\\'; }

/* Whether any of eight bytes is; also true for some that are not, never false for one that is. */
static bool may_be_escaped(const uint8_t *eight) {
    const uint64_t ones = 0x0101010101010101u;
    uint64_t word;
    memcpy(&word, eight, sizeof word);
    uint64_t quote = word ^ ones * '"', slash = word ^ ones * '\\';
    return ((word - ones * 0x20) & ~word & ones << 7) | ((quote - ones) & ~quote & ones << 7) | ((slash - ones) & ~slash & ones << 7);
}

static void put_quoted(output *out, text of) {
    put(out, "\"", 1);
    while (of.length > 0) {
        int64_t plain = 0;
        while (of.length - plain >= 8 && !may_be_escaped(of.at + plain)) plain += 8;
        while (plain < of.length && !is_escaped(of.at[plain])) plain++;
        put(out, of.at, plain);
        of.at += plain, of.length -= plain;
        if (of.length > 0) put_escaped(out, *of.at++), of.length--;
    }
    put(out, "\"", 1);
}

/* Inputs ----------------------------------------------------------------------------------------------------------------------------- */

static bool has(const uint8_t *valid, int32_t row) { return !valid || valid[row >> 3] >> (row & 7) & 1; }

static text at(const strings *column, int32_t row) {
    if (!column->ends || !has(column->valid, row)) return (text){NULL, 0};
    return (text){column->data + column->ends[row], column->ends[row + 1] - column->ends[row]};
}

static void put_content(output *out, const content *of, int which, int32_t row) {
    bool is_first = true;
    put(out, "\"", 1), put_word(out, CONTENT_NAMES[which]), put(out, "\":{", 3);
    for (int i = 0; i < FIELDS; i++) {
        const strings *field = &of->field[i];
        if (!field->ends || !has(field->valid, row)) continue;
        put(out, ",\"", is_first ? 0 : 1), put(out, "\"", 1), put_word(out, FIELD_NAMES[which][i]), put(out, "\":", 2);
        put_quoted(out, at(field, row));
        is_first = false;
    }
    put(out, "},", 2);
}

static bool is_space(uint8_t byte) { return byte == ' ' || byte == '\t' || byte == '\n' || byte == '\r'; }

static bool begins(text of, int64_t from, const char *word, int64_t length) {
    return of.length - from >= length && !memcmp(of.at + from, word, (size_t)length);
}

/* Whether the name that is put in may begin here: in letters, or with one of them escaped, which are U+0063 to U+0074. */
static bool may_be_named(text of, int64_t from) {
    return begins(of, from, "\"collected\"", 11) || begins(of, from, "\\u006", 5) || begins(of, from, "\\u007", 5);
}

/* Metadata up to where another field follows. False: they may have one of its name. */
static bool put_opened(output *out, text of) {
    if (!of.length) of = (text){(const uint8_t *)"{}", 2};
    bool is_empty = true, is_named = false;
    while (is_space(of.at[of.length - 1])) of.length--;
    of.length--; /* the closing brace */
    for (int64_t i = 0; i < of.length; i++) {
        uint8_t byte = of.at[i];
        is_empty = is_empty && (is_space(byte) || byte == '{');
        is_named = is_named || ((byte == '"' || byte == '\\') && may_be_named(of, i));
    }
    put_text(out, of);
    if (!is_empty) put(out, ",", 1);
    return !is_named;
}

static bool put_body(output *out, const predictions *from, int32_t row, const text stamp[PARTS], const uint8_t *key) {
    put(out, "{\"id\":\"", 7), put(out, key, ID_DIGITS), put(out, "\"", 1), put_text(out, stamp[BETWEEN]), put(out, ",\"data\":{", 9);
    for (int i = 0; i < CONTENTS; i++) {
        const content *of = &from->contents[i];
        if (of->valid && has(of->valid, row)) put_content(out, of, i, row);
    }
    put(out, "\"metadata\":", 11);
    bool is_made = put_opened(out, at(&from->metadata, row));
    put_text(out, stamp[BEFORE]), put_quoted(out, at(&from->id, row)), put_text(out, stamp[AFTER]);
    text geo = at(&from->geo, row);
    if (geo.length) put(out, ",\"geo\":", 7), put_text(out, geo);
    put(out, "}}", 2);
    return is_made;
}

/* Make ids and bodies.
 *
 * from: the columns.
 * rows, places: `count` of each: which prediction, and whose stamp.
 * stamps, stamp_ends: PARTS texts a stamp, one behind the other, and where each ends; the first begins at stamps.
 * keys: ID_DIGITS bytes each.
 * to, room: where bodies are written, one behind the other; ends: where each ends. One of no length was not made.
 * Returns how much room all of them take: where that is more than there is, nothing is to be read.
 */
EXPORT int64_t inputs_write(const predictions *from, const int32_t *rows, const int64_t *places, int64_t count, const uint8_t *stamps,
                            const int64_t *stamp_ends, uint8_t *keys, uint8_t *to, int64_t room, int64_t *ends) {
    output out = {to, room, 0};
    for (int64_t i = 0; i < count; i++, keys += ID_DIGITS) {
        text stamp[PARTS];
        for (int part = 0; part < PARTS; part++) {
            int64_t last = places[i] * PARTS + part, start = last ? stamp_ends[last - 1] : 0;
            stamp[part] = (text){stamps + start, stamp_ends[last] - start};
        }
        int64_t before = out.length;
        hash(stamp[NAME], at(&from->id, rows[i]), keys);
        if (!put_body(&out, from, rows[i], stamp, keys)) out.length = before;
        ends[i] = out.length;
    }
    return out.length;
}
