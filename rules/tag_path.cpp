#include "rules/tag_path.h"

#include "rules/attributes.h"
#include "rules/nearest.h"
#include "rules/tag_reader.h"
#include "rules/text.h"

#include <algorithm>
#include <utility>

namespace dcmflow::rules {
namespace {

constexpr std::size_t deepest_path = 16;
constexpr const char* a_tag = "a DICOM keyword, (gggg,eeee) or a context name";

std::optional<std::uint16_t> hex_number(std::string_view text, std::size_t digits) {
    if (text.size() != digits)
        return std::nullopt;
    unsigned value = 0;
    for (const char c : lower(text)) {
        if (!is_digit(c) && (c < 'a' || c > 'f'))
            return std::nullopt;
        value = value * 16 + static_cast<unsigned>(is_digit(c) ? c - '0' : c - 'a' + 10);
    }
    return static_cast<std::uint16_t>(value);
}

std::string hex_text(unsigned value, int digits) {
    std::string out;
    for (int shift = (digits - 1) * 4; shift >= 0; shift -= 4)
        out += "0123456789ABCDEF"[(value >> static_cast<unsigned>(shift)) & 15U];
    return out;
}

class TagReader {
  public:
    using Step = tl::expected<PathStep, ParseError>;

    TagReader(TokenCursor& cursor, std::string_view text, const Dictionary& dictionary)
        : cursor_(cursor), text_(text), dictionary_(dictionary) {}

    tl::expected<TagPath, ParseError> read() {
        const auto start = cursor_.peek().offset;
        TagPath path;
        auto step = read_step(0);
        while (step) {
            path.steps.push_back(std::move(*step));
            if (!cursor_.peek().is_symbol("[")) {
                path.text = text_.substr(start, cursor_.last_end() - start);
                return path;
            }
            if (path.steps.size() == deepest_path)
                return fail(cursor_.peek().offset, "a path of more than 16 steps",
                            "a shorter path");
            if (const auto error = read_item(path.steps.back()))
                return tl::unexpected(*error);
            step = read_next_step();
        }
        return tl::unexpected(step.error());
    }

  private:
    static tl::unexpected<ParseError> fail(std::size_t offset, std::string what,
                                           std::string expected) {
        return tl::unexpected(ParseError{offset, std::move(what), std::move(expected)});
    }
    tl::unexpected<ParseError> unexpected(std::string expected) const {
        return tl::unexpected(cursor_.unexpected(std::move(expected)));
    }

    // `skip` bytes of the word are the dot that joins it to the path.
    Step read_step(std::size_t skip) {
        step_offset_ = cursor_.peek().offset + skip;
        auto step = cursor_.peek().is_symbol("(") ? read_numbers() : read_keyword(skip);
        if (step && (step->group == 0x0000 || step->group == 0x0002))
            return fail(step_offset_,
                        "file meta information and commands are not part of the object",
                        "a tag of the data set, or transfer_syntax, calling_aet or called_aet");
        return step;
    }

    Step read_keyword(std::size_t skip) {
        const Token& token = cursor_.peek();
        if (token.kind == Token::Kind::string)
            return fail(token.offset, "a tag is written without quotes: " + quoted(token.text, '"'),
                        a_tag);
        if (token.kind != Token::Kind::word)
            return unexpected(a_tag);
        const auto word = std::string_view(token.text).substr(skip);
        const auto entry = dictionary_.by_keyword(word);
        if (!entry)
            return unknown(word);
        cursor_.next();
        return PathStep{entry->group, entry->element, {}, {}, entry->vr};
    }

    Step unknown(std::string_view word) const {
        const auto dot = word.find('.');
        if (dot != std::string_view::npos && dot > 0) {
            const std::string sequence(word.substr(0, dot));
            const auto entry = dictionary_.by_keyword(sequence);
            if (entry && entry->vr == "SQ")
                return fail(step_offset_ + dot,
                            "'" + sequence + "' is a sequence, and no item is named",
                            "an item number or * in brackets, such as " + sequence + "[*].Keyword");
        }
        NearestWord nearest(word);
        for (const auto key : context_keys)
            nearest.offer(to_string(key));
        const auto near = nearest.best() ? nearest.best() : dictionary_.suggest(word);
        return fail(step_offset_,
                    "unknown tag " + quoted(word) +
                        (near ? " (did you mean '" + *near + "'?)" : ""),
                    a_tag);
    }

    // (0008,103E) or (0029,"SIEMENS CSA HEADER",10)
    Step read_numbers() {
        cursor_.next();
        PathStep step;
        const auto group = hex_word(4);
        if (!group)
            return unexpected("a group of four hexadecimal digits, such as (0008,103E)");
        step.group = *group;
        const auto group_offset = cursor_.next().offset;
        if (!cursor_.peek().is_symbol(","))
            return unexpected("',' and an element, such as (0008,103E)");
        cursor_.next();
        if (cursor_.peek().kind == Token::Kind::string)
            return read_private(std::move(step), group_offset);
        const auto element = hex_word(4);
        if (!element)
            return unexpected(
                "an element of four hexadecimal digits, or a private creator in quotes");
        step.element = *element;
        cursor_.next();
        if (const auto entry = dictionary_.by_tag(step.group, step.element))
            step.vr = entry->vr;
        return closed(std::move(step));
    }

    Step read_private(PathStep step, std::size_t group_offset) {
        const Token& creator = cursor_.next();
        step.private_creator = trimmed(creator.text);
        if (step.private_creator.empty())
            return fail(creator.offset, "an empty private creator",
                        "the creator as the object has it");
        if (step.group % 2 == 0)
            return fail(group_offset, "a private tag in the even group " + hex_text(step.group, 4),
                        "an odd group");
        if (!cursor_.peek().is_symbol(","))
            return unexpected("',' and the last two hexadecimal digits of the element");
        cursor_.next();
        const auto element = hex_word(2);
        if (!element)
            return unexpected("the last two hexadecimal digits of the element, such as 10");
        step.element = *element;
        cursor_.next();
        return closed(std::move(step));
    }

    Step closed(PathStep step) {
        if (!cursor_.peek().is_symbol(")"))
            return unexpected("')' after the tag");
        cursor_.next();
        return step;
    }

    std::optional<std::uint16_t> hex_word(std::size_t digits) const {
        const Token& token = cursor_.peek();
        return token.kind == Token::Kind::word ? hex_number(token.text, digits) : std::nullopt;
    }

    // [*] or [0]
    std::optional<ParseError> read_item(PathStep& step) {
        if (!step.vr.empty() && step.vr != "SQ" && step.vr != "UN")
            return ParseError{
                step_offset_,
                quoted(text_.substr(step_offset_, cursor_.last_end() - step_offset_)) + " (" +
                    step.vr + ") is not a sequence",
                "a sequence before '['"};
        cursor_.next();
        const Token& item = cursor_.peek();
        const bool number = item.kind == Token::Kind::word && item.text.size() <= 9 &&
                            std::ranges::all_of(item.text, is_digit);
        if (!number && !item.is_word("*"))
            return cursor_.unexpected("the number of an item, from 0, or * for any");
        if (number)
            step.item = static_cast<std::uint32_t>(std::stoul(item.text));
        cursor_.next();
        if (!cursor_.peek().is_symbol("]"))
            return cursor_.unexpected("']'");
        cursor_.next();
        return std::nullopt;
    }

    Step read_next_step() {
        const Token& token = cursor_.peek();
        if (token.kind != Token::Kind::word || !token.text.starts_with('.'))
            return unexpected(
                "'.' and a tag in the item; to ask for the sequence itself, leave out [ ]");
        if (token.text.size() > 1)
            return read_step(1);
        cursor_.next();
        return read_step(0);
    }

    TokenCursor& cursor_;
    std::string_view text_;
    const Dictionary& dictionary_;
    std::size_t step_offset_ = 0;
};

} // namespace

tl::expected<TagPath, ParseError> read_tag_path(TokenCursor& cursor, std::string_view text,
                                                const Dictionary& dictionary) {
    return TagReader(cursor, text, dictionary).read();
}

tl::expected<TagPath, ParseError> parse_tag_path(std::string_view text,
                                                 const Dictionary& dictionary) {
    const auto tokens = tokenize(text);
    TokenCursor cursor(tokens);
    auto path = read_tag_path(cursor, text, dictionary);
    if (path && cursor.peek().kind != Token::Kind::end)
        return tl::unexpected(cursor.unexpected("nothing after the tag"));
    return path;
}

std::string canonical(const TagPath& path) {
    std::string out;
    for (std::size_t i = 0; i < path.steps.size(); ++i) {
        const PathStep& step = path.steps[i];
        if (i > 0)
            out += '.';
        out += hex_text(step.group, 4) + ",";
        out += step.private_creator.empty()
                   ? hex_text(step.element, 4)
                   : step.private_creator + "," + hex_text(step.element, 2);
        if (i + 1 < path.steps.size())
            out += step.item ? "[" + std::to_string(*step.item) + "]" : "[*]";
    }
    return out;
}

} // namespace dcmflow::rules
