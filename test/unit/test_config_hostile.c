/* SPDX-License-Identifier: Apache-2.0
 *
 * config/: files that are no TOML at all, or made to hurt whoever reads them.
 */
#include "config_support.h"
#include "instrumented.h"
#include "suite.h"

START_TEST(nul_bytes_are_refused)
{
    static const char text[] = "db_dir = \"a\"\n\0[storage]\n";
    ck_assert_int_eq(parse_bytes(text, sizeof text - 1), CMT_INVALID);
    ck_assert_ptr_nonnull(strstr(error.message, "byte 13 is NUL"));
}
END_TEST

START_TEST(a_megabyte_is_the_limit)
{
    char *text = malloc(CMT_CONFIG_BYTES_MAX + 1);
    ck_assert_ptr_nonnull(text);
    memset(text, '\n', CMT_CONFIG_BYTES_MAX + 1);
    ck_assert_int_eq(parse_bytes(text, CMT_CONFIG_BYTES_MAX), CMT_OK);
    ck_assert_int_eq(parse_bytes(text, CMT_CONFIG_BYTES_MAX + 1), CMT_INVALID);
    ck_assert_ptr_nonnull(strstr(error.message, "1048577 bytes"));
    free(text);
}
END_TEST

/* Puts COUNT copies of PIECE between HEAD and TAIL and parses that. */
static cmt_status parse_repeated(const char *head, const char *piece, size_t count,
                                 const char *tail)
{
    size_t size = strlen(head) + count * strlen(piece) + strlen(tail);
    char *text = malloc(size + 1);
    ck_assert_ptr_nonnull(text);
    char *p = stpcpy(text, head);
    for (size_t i = 0; i < count; i++)
        p = stpcpy(p, piece);
    strcpy(p, tail);
    cmt_status status = parse(text);
    free(text);
    return status;
}

static void refuses_depth(const char *head, const char *piece, size_t count)
{
    ck_assert_int_eq(parse_repeated(head, piece, count, "\n"), CMT_INVALID);
    ck_assert_msg(strstr(error.message, "nested deeper than 32 levels") != NULL, "%s",
                  error.message);
}

/* The parser goes astray where a string holds such bytes; it is not asked. */
START_TEST(what_is_not_utf8_is_refused_with_its_line)
{
    static const char *const bad[] = {
        "\xbb",
        "\xc0\xaf",
        "\xc1\xbf",
        "\xc3(",
        "\xe0\x9f\xbf",
        "\xed\xa0\x80",
        "\xe2\x82",
        "\xe2(\xa1",
        "\xe2\x82(",
        "\xf0\x8f\xbf\xbf",
        "\xf4\x90\x80\x80",
        "\xf5\x80\x80\x80",
        "\xf0\x90\x80(",
        "\xf0\x90(\x80",
        "\xff",
    };
    char text[64];
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        snprintf(text, sizeof text, "[storage]\n[\"storage\".'p%s']\n", bad[i]);
        refuses(text, "line 2", "not UTF-8", NULL);
        snprintf(text, sizeof text, "a = \"%s\"\n", bad[i]);
        refuses(text, "line 1", "not UTF-8", NULL);
        snprintf(text, sizeof text, "a = 1\n\n# %s", bad[i]);
        refuses(text, "line 3", "not UTF-8", NULL);
    }
    accepts("a = \"\xc2\x80 \xdf\xbf \xe0\xa0\x80 \xed\x9f\xbf \xee\x80\x80 \xef\xbf\xbf "
            "\xf0\x90\x80\x80 \xf4\x8f\xbf\xbf\"\n");
}
END_TEST

START_TEST(deep_nesting_is_refused_before_it_can_exhaust_the_stack)
{
    refuses_depth("a = ", "[", 1000000);
    refuses_depth("a = ", "[\n#]\n", 100000);
    refuses_depth("a = ", "[ ']', ", 100000);
    refuses_depth("a = ", "[ \"\"\"]\"\"\", ", 50000);
    refuses_depth("a = ", "[ \"\"\"]\"\"\"\"\", ", 50000);
    refuses_depth("a = ", "[ \"\", ", 50000);
    refuses_depth("a = ", "[ \"\\\"]\", ", 50000);
    refuses_depth("a = ", "{b = ", 100000);
    refuses_depth("a = ", "{b.b.b.b.b.b.b.b = ", 5);
    refuses_depth("a", ".a", 400000);
    refuses_depth("[a", ".a", 400000);
    refuses_depth("a = [", "[", 32);
}
END_TEST

START_TEST(thirty_two_levels_are_fine_and_brackets_in_text_do_not_count)
{
    char text[256] = "a = ";
    for (int i = 0; i < 32; i++)
        strcat(text, "[");
    for (int i = 0; i < 32; i++)
        strcat(text, "]");
    accepts(text);
    accepts("a = \"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[\"\n# "
            "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[\n"
            "b = '''[[[[[[[[[[[[[[[[[[[[\n[[[[[[[[[[[[[[[[[[[[[[[[[[[['''\n[storage.pruning]\n"
            "keep_blocks = 4\n");
    ck_assert_int_eq(config.keep_blocks, 4);
}
END_TEST

START_TEST(huge_arrays_and_tables_are_refused)
{
    ck_assert_int_eq(parse_repeated("a = [", "1,", CMT_CONFIG_ELEMENTS_MAX, "]\n"), CMT_OK);
    ck_assert_int_eq(parse_repeated("a = [", "1,", CMT_CONFIG_ELEMENTS_MAX + 1, "]\n"),
                     CMT_INVALID);
    ck_assert_ptr_nonnull(strstr(error.message, "array elements"));
    char *text = malloc(300 * 16);
    ck_assert_ptr_nonnull(text);
    char *p = stpcpy(text, "[storage]\n");
    for (int i = 0; i < 290; i++)
        p += sprintf(p, "k%d = 1\n", i);
    ck_assert_int_eq(parse(text), CMT_INVALID);
    ck_assert_ptr_nonnull(strstr(error.message, "more than 256 storage keys"));
    free(text);
}
END_TEST

/* ---- random damage ------------------------------------------------------------------------- */

static uint64_t random_state;

static size_t random_below(size_t n)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (size_t)(random_state % n);
}

static void damage(char *text, size_t size)
{
    static const char marks[] = "\"'[]{}=.,#\n\r\\ \t\0\xff-_0ae\xc3";
    for (size_t n = 1 + random_below(4); n > 0; n--) {
        size_t at = random_below(size);
        switch (random_below(3)) {
        case 0:
            text[at] = marks[random_below(sizeof marks - 1)];
            break;
        case 1:
            memset(text + at, text[at], random_below(size - at < 80 ? size - at : 80));
            break;
        default:
            memmove(text + at, text + random_below(size - at) + at, 1);
            break;
        }
    }
}

/* Only the storage part is damaged in most rounds, so that more than the first error is met. */
START_TEST(damaged_files_are_read_or_refused_but_never_harm)
{
    static const char *const names[] = {"0.37.toml", "0.38.toml", "1.0.toml"};
    random_state = 0x9e3779b97f4a7c15u + (uint64_t)_i;
    size_t size;
    char *text = read_fixture(names[_i % 3], &size);
    char *copy = malloc(size);
    ck_assert_ptr_nonnull(copy);
    int refused = 0;
    for (int round = 0; round < 60; round++) {
        const char *storage = strstr(text, "\n[storage]");
        ck_assert_ptr_nonnull(storage);
        size_t from = round % 4 == 0 ? 0 : (size_t)(storage - text);
        size_t length = round % 4 == 0 ? size : (size - from < 3000 ? size - from : 3000);
        memcpy(copy, text + from, length);
        damage(copy, length);
        cmt_status status = parse_bytes(copy, length - random_below(2) * random_below(length));
        ck_assert_msg(status == CMT_OK || status == CMT_INVALID, "%d", status);
        if (status == CMT_INVALID) {
            refused++;
            ck_assert_uint_gt(strlen(error.message), strlen("config.toml: "));
            ck_assert_ptr_null(strpbrk(error.message, "\n\r\x1b"));
        }
    }
    ck_assert_int_gt(refused, 0);
    free(copy);
    free(text);
}
END_TEST

/* Brackets and quotes only: what could hide nesting from the check made before parsing. */
START_TEST(no_mixture_of_quotes_hides_nesting)
{
    static const char *const pieces[] = {"[", "[[[[", "\"", "'",   "\"\"\"", "'''",  "\\", "\n",
                                         "#", ",",    "]",  "{a=", "a",      "\"\"", "''"};
    random_state = 0x2545f4914f6cdd1du;
    char *text = malloc(200000);
    ck_assert_ptr_nonnull(text);
    for (int round = 0; round < IF_INSTRUMENTED(200, 1000); round++) {
        char *p = stpcpy(text, "a = [");
        for (size_t n = 1 + random_below(12); n > 0; n--)
            p = stpcpy(p, pieces[random_below(sizeof pieces / sizeof pieces[0])]);
        /* If the parser is outside of a string here and the check is not, this ends the process. */
        memset(p, '[', 100000);
        p[100000] = '\0';
        cmt_status status = parse(text);
        ck_assert_msg(status == CMT_INVALID || (status == CMT_OK && memchr(text, '#', 64) != NULL),
                      "%d: %.64s", status, text);
    }
    free(text);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("config_hostile");
    TCase *tc = tcase_create("hostile");
    tcase_set_timeout(tc, 60);
    tcase_add_test(tc, nul_bytes_are_refused);
    tcase_add_test(tc, a_megabyte_is_the_limit);
    tcase_add_test(tc, what_is_not_utf8_is_refused_with_its_line);
    tcase_add_test(tc, deep_nesting_is_refused_before_it_can_exhaust_the_stack);
    tcase_add_test(tc, thirty_two_levels_are_fine_and_brackets_in_text_do_not_count);
    tcase_add_test(tc, huge_arrays_and_tables_are_refused);
    tcase_add_loop_test(tc, damaged_files_are_read_or_refused_but_never_harm, 0, 6);
    tcase_add_test(tc, no_mixture_of_quotes_hides_nesting);
    suite_add_tcase(suite, tc);
    return suite_run(suite);
}
