// Lexer: the text of a condition as tokens. Pure; any thread. Internal to rules/.
//
// A bare word is made of letters, digits, _ . - + / : ^ * ? and any non-ASCII character; everything
// else in a value needs quotes. In quotes, a backslash before a quote or a backslash stands for
// that character; before anything else it stands for itself, so that "\d+" is the regular
// expression it looks like.
#pragma once

#include "rules/parse_error.h"

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace dcmflow::rules {

struct Token {
    enum class Kind { word, string, symbol, end, error };
    Kind kind = Kind::end;
    std::size_t offset = 0; // first byte, and
    std::size_t end = 0;    // one past the last, in the text
    std::string text;       // a string without its quotes and escapes
    ParseError error;       // of kind error, which is always the last token

    [[nodiscard]] bool is_word(std::string_view word) const {
        return kind == Kind::word && text == word;
    }
    [[nodiscard]] bool is_symbol(std::string_view symbol) const {
        return kind == Kind::symbol && text == symbol;
    }
};

// Never empty; ends with the first error, or with `end`. An error is met when a parser gets there,
// so that the first mistake in the text is the one reported.
[[nodiscard]] std::vector<Token> tokenize(std::string_view text);

// A position in tokens, which must outlive it.
class TokenCursor {
  public:
    explicit TokenCursor(const std::vector<Token>& tokens) : tokens_(tokens) {}
    [[nodiscard]] const Token& peek(std::size_t ahead = 0) const {
        return at_ + ahead < tokens_.size() ? tokens_[at_ + ahead] : tokens_.back();
    }
    const Token& next() {
        const Token& token = peek();
        if (at_ + 1 < tokens_.size())
            ++at_;
        return token;
    }
    [[nodiscard]] std::size_t last_end() const { return at_ == 0 ? 0 : tokens_[at_ - 1].end; }
    // The lexer's error if that is what stands here, else "unexpected …".
    [[nodiscard]] ParseError unexpected(std::string expected) const;

  private:
    const std::vector<Token>& tokens_;
    std::size_t at_ = 0;
};

} // namespace dcmflow::rules
