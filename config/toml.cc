// SPDX-License-Identifier: Apache-2.0
//
// TOML for C: the only file that sees toml11.  No exception and no C++ type leaves it.
#include "config_internal.h"

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <new>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include <strings.h>
#include <toml.hpp>

namespace {

struct entry {
    std::string path;
    std::string text;
    cmt_toml_entry plain;
};

struct pending {
    std::string path;
    const toml::value *value;
};

std::string quoted(const std::string &key)
{
    bool bare = !key.empty() && std::all_of(key.begin(), key.end(), [](unsigned char c) {
        return std::isalnum(c) || c == '_' || c == '-';
    });
    if (bare)
        return key;
    std::string out = "\"";
    for (char c : key)
        out += static_cast<unsigned char>(c) < 0x20 || c == 0x7f || c == '"' ? '?' : c;
    return out + "\"";
}

// toml11 cuts an integer that does not fit; its text tells.
bool fits(const toml::value &integer)
{
    const toml::source_location place = integer.location();
    std::string digits = place.line_str().substr(place.column() - 1, place.region());
    digits.erase(std::remove(digits.begin(), digits.end(), '_'), digits.end());
    int base = 10;
    if (digits.size() > 2 && digits[0] == '0' &&
        std::isalpha(static_cast<unsigned char>(digits[1]))) {
        base = digits[1] == 'x' ? 16 : digits[1] == 'o' ? 8 : 2;
        digits.erase(0, 2);
    }
    errno = 0;
    std::strtoll(digits.c_str(), nullptr, base);
    return errno == 0;
}

entry read_entry(const std::string &path, const toml::value &value)
{
    entry e{path, std::string(), cmt_toml_entry()};
    e.plain.line = static_cast<unsigned>(value.location().line());
    switch (value.type()) {
    case toml::value_t::table:
        e.plain.kind = CMT_TOML_TABLE;
        break;
    case toml::value_t::boolean:
        e.plain.kind = CMT_TOML_BOOL;
        e.plain.boolean = value.as_boolean();
        break;
    case toml::value_t::integer:
        e.plain.kind = fits(value) ? CMT_TOML_INTEGER : CMT_TOML_HUGE_INTEGER;
        e.plain.integer = value.as_integer();
        break;
    case toml::value_t::floating:
        e.plain.kind = CMT_TOML_FLOAT;
        e.plain.real = value.as_floating();
        break;
    case toml::value_t::string:
        e.plain.kind = CMT_TOML_STRING;
        e.text = value.as_string().str;
        break;
    default:
        e.plain.kind = CMT_TOML_OTHER;
        break;
    }
    return e;
}

bool is_root(const std::string &key, const char *const *roots)
{
    for (; *roots != nullptr; roots++)
        if (strcasecmp(key.c_str(), *roots) == 0 && std::strlen(*roots) == key.size())
            return true;
    return false;
}

std::string without_prefix(std::string line)
{
    for (const char *lead : {"[error] ", "toml::detail::", "toml::"})
        if (line.compare(0, std::strlen(lead), lead) == 0)
            line.erase(0, std::strlen(lead));
    std::size_t colon = line.find(": ");
    if (colon != std::string::npos && line.find(' ') > colon)
        line.erase(0, colon + 2);
    return line;
}

// toml11 writes several lines for people at a terminal: the first says what is wrong, or else the
// remark at the arrow does.
std::string one_line(const char *what)
{
    std::string line = without_prefix(std::string(what, std::strcspn(what, "\r\n")));
    const char *remark = std::strstr(what, "^--- ");
    if (line.empty() && remark != nullptr)
        line = std::string(remark + 5, std::strcspn(remark + 5, "\r\n"));
    for (char &c : line)
        if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f)
            c = '?';
    return line;
}

// What toml11 throws carries the place where it stopped.
cmt_status fail_syntax(const char *name, const toml::exception &cause, cmt_error *err)
{
    return cmt_error_set(err, CMT_INVALID, "%s: line %u: not valid TOML: %s", name,
                         static_cast<unsigned>(cause.location().line()),
                         one_line(cause.what()).c_str());
}

} // namespace

struct cmt_toml {
    std::vector<entry> entries;
};

// The tree is walked with a stack of its own; precheck.c has bounded its depth for the parser.
static cmt_status collect(const char *name, const toml::value &document, const char *const *roots,
                          cmt_toml *out, cmt_error *err)
{
    std::vector<pending> open;
    for (const auto &item : document.as_table())
        if (is_root(item.first, roots))
            open.push_back(pending{quoted(item.first), &item.second});
    while (!open.empty()) {
        pending next = open.back();
        open.pop_back();
        if (out->entries.size() == CMT_CONFIG_ENTRIES_MAX)
            return cmt_error_set(err, CMT_INVALID, "%s: more than %d storage keys", name,
                                 CMT_CONFIG_ENTRIES_MAX);
        out->entries.push_back(read_entry(next.path, *next.value));
        if (next.value->is_table())
            for (const auto &item : next.value->as_table())
                open.push_back(pending{next.path + "." + quoted(item.first), &item.second});
    }
    std::sort(out->entries.begin(), out->entries.end(), [](const entry &a, const entry &b) {
        return a.plain.line != b.plain.line ? a.plain.line < b.plain.line : a.path < b.path;
    });
    return CMT_OK;
}

cmt_status cmt_toml_parse(const char *name, cmt_slice text, const char *const *roots,
                          cmt_toml **out, cmt_error *err)
{
    *out = nullptr;
    cmt_toml *toml = nullptr;
    cmt_status status;
    try {
        std::istringstream stream(
            std::string(reinterpret_cast<const char *>(text.data), text.size));
        const toml::value document = toml::parse(stream, name);
        toml = new cmt_toml;
        status = collect(name, document, roots, toml, err);
    } catch (const toml::exception &cause) {
        status = fail_syntax(name, cause, err);
    } catch (const std::bad_alloc &) {
        status = cmt_error_set(err, CMT_NO_MEMORY, "no memory to parse %s", name);
    } catch (const std::exception &cause) {
        status = cmt_error_set(err, CMT_INVALID, "%s: not valid TOML: %s", name,
                               one_line(cause.what()).c_str());
    } catch (...) {
        status = cmt_error_set(err, CMT_INVALID, "%s: not valid TOML", name);
    }
    if (status != CMT_OK) {
        delete toml;
        return status;
    }
    *out = toml;
    return CMT_OK;
}

void cmt_toml_free(cmt_toml *toml)
{
    delete toml;
}

size_t cmt_toml_count(const cmt_toml *toml)
{
    return toml->entries.size();
}

cmt_toml_entry cmt_toml_at(const cmt_toml *toml, size_t index)
{
    const entry &e = toml->entries[index];
    cmt_toml_entry plain = e.plain;
    plain.path = e.path.c_str();
    plain.text = e.text.c_str();
    plain.text_size = e.text.size();
    return plain;
}
