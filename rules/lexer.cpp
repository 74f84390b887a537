#include "rules/lexer.h"

#include "rules/text.h"

#include <optional>
#include <utility>

namespace dcmflow::rules {
namespace {

constexpr std::size_t longest_text = 64UL * 1024;

bool is_word_character(char c) {
    return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           std::string_view("_.-+/:^*?").find(c) != std::string_view::npos ||
           static_cast<unsigned char>(c) >= 0x80;
}

// What word processors make of quotes and spaces; taken as letters they would puzzle everyone.
bool is_typographic(std::string_view sequence) {
    constexpr std::string_view quotes[] = {"“", "”", "„", "‘", "’", "«", "»", "\u00A0"};
    for (const auto quote : quotes)
        if (sequence == quote)
            return true;
    return false;
}

class Lexer {
  public:
    explicit Lexer(std::string_view text) : text_(text) {}

    std::vector<Token> run() {
        if (text_.size() > longest_text) {
            fail(longest_text, "the condition is longer than 64 KiB", "a shorter condition");
            return std::move(tokens_);
        }
        while (tokens_.empty() || (tokens_.back().kind != Token::Kind::end &&
                                   tokens_.back().kind != Token::Kind::error))
            lex_one();
        return std::move(tokens_);
    }

  private:
    void lex_one() {
        while (at_ < text_.size() &&
               std::string_view(" \t\r\n").find(text_[at_]) != std::string_view::npos)
            ++at_;
        if (at_ == text_.size())
            return emit(Token::Kind::end, at_, {});
        const char c = text_[at_];
        if (c == '"' || c == '\'')
            return lex_string(c);
        if (is_word_character(c))
            return lex_word();
        constexpr std::string_view brackets = "()[],";
        constexpr std::string_view operators = "=<>!~&|";
        if (brackets.find(c) != std::string_view::npos)
            return emit(Token::Kind::symbol, at_ + 1, std::string(1, c));
        if (operators.find(c) != std::string_view::npos) {
            // Wrong pairs too (=<, &&, =~), so that the parser can say what was meant.
            const bool pair =
                at_ + 1 < text_.size() && operators.find(text_[at_ + 1]) != std::string_view::npos;
            const std::size_t length = pair ? 2 : 1;
            return emit(Token::Kind::symbol, at_ + length, std::string(text_.substr(at_, length)));
        }
        fail(at_, "unexpected character " + quoted(text_.substr(at_, 1)),
             "a word, a number or an operator; text with other characters needs quotes");
    }

    void lex_word() {
        auto end = at_;
        while (end < text_.size() && is_word_character(text_[end])) {
            const auto length = utf8_sequence(text_.substr(end));
            if (length == 0)
                return fail(end, "bytes that are not UTF-8", "text in UTF-8");
            const auto sequence = text_.substr(end, length);
            if (is_typographic(sequence))
                return fail(end, "typographic character " + quoted(sequence),
                            "a plain quote or space");
            end += length;
        }
        emit(Token::Kind::word, end, std::string(text_.substr(at_, end - at_)));
    }

    void lex_string(char quote) {
        std::string value;
        for (auto i = at_ + 1; i < text_.size();) {
            const char c = text_[i];
            if (c == quote)
                return emit(Token::Kind::string, i + 1, std::move(value));
            const char following = i + 1 < text_.size() ? text_[i + 1] : '\0';
            if (c == '\\' && (following == '"' || following == '\'' || following == '\\')) {
                value += following;
                i += 2;
                continue;
            }
            const auto length = utf8_sequence(text_.substr(i));
            if (length == 0)
                return fail(i, "bytes that are not UTF-8", "text in UTF-8");
            value += text_.substr(i, length);
            i += length;
        }
        fail(at_, "text in quotes that does not end", "a closing " + std::string(1, quote));
    }

    void emit(Token::Kind kind, std::size_t end, std::string text) {
        tokens_.push_back({kind, at_, end, std::move(text), {}});
        at_ = end;
    }

    void fail(std::size_t offset, std::string what, std::string expected) {
        tokens_.push_back({Token::Kind::error,
                           offset,
                           offset,
                           {},
                           {offset, std::move(what), std::move(expected)}});
    }

    std::string_view text_;
    std::size_t at_ = 0;
    std::vector<Token> tokens_;
};

} // namespace

std::vector<Token> tokenize(std::string_view text) {
    return Lexer(text).run();
}

ParseError TokenCursor::unexpected(std::string expected) const {
    const Token& token = peek();
    switch (token.kind) {
    case Token::Kind::error:
        return token.error;
    case Token::Kind::end:
        return {token.offset, "the condition ends too early", std::move(expected)};
    case Token::Kind::string:
        return {token.offset, "unexpected text " + quoted(token.text, '"'), std::move(expected)};
    default:
        return {token.offset, "unexpected " + quoted(token.text), std::move(expected)};
    }
}

} // namespace dcmflow::rules
