#include "rules/parser.h"

#include "rules/lexer.h"
#include "rules/tag_reader.h"
#include "rules/text.h"

#include <array>
#include <utility>

namespace dcmflow::rules {
namespace {

constexpr int deepest_nesting = 64;
constexpr std::size_t longest_list = 1000;
constexpr const char* a_comparison = "a comparison, such as Modality == CT";

std::string operator_list() {
    std::string list;
    for (const Operator& op : operators())
        if (op.operand != Operand::none)
            (list += list.empty() ? "" : " ") += op.spelling;
    return "an operator: " + list;
}

// What is written elsewhere for an operator of ours; nullptr if nobody knows.
const char* meant_by(std::string_view symbol) {
    constexpr std::pair<std::string_view, const char*> habits[] = {
        {"=", "=="}, {"===", "=="},   {"=>", ">="}, {"=<", "<="},  {"<>", "!="},    {"=~", "~"},
        {"~=", "~"}, {"!~", "not ~"}, {"!", "not"}, {"&&", "and"}, {"&", "and"},    {"||", "or"},
        {"|", "or"}, {"is", "=="},    {"eq", "=="}, {"like", "~"}, {"matches", "~"}};
    for (const auto& [habit, ours] : habits)
        if (symbol == habit)
            return ours;
    return nullptr;
}

// "AND" for and, "&&" for and: the word of the language that was meant by this token, or "".
std::string did_you_mean(const Token& token) {
    std::string meant;
    if (token.kind == Token::Kind::word || token.kind == Token::Kind::symbol) {
        const auto word = lower(token.text);
        if (const auto* known = meant_by(word))
            meant = known;
        else if (word != token.text && is_reserved(word))
            meant = word;
    }
    return meant.empty() ? meant : " (did you mean '" + meant + "'?)";
}

class Parser {
  public:
    Parser(std::string_view text, const Dictionary& dictionary)
        : text_(text), dictionary_(dictionary), tokens_(tokenize(text)), cursor_(tokens_) {}

    tl::expected<Condition, ParseError> run() {
        if (cursor_.peek().kind == Token::Kind::end)
            return fail(cursor_.peek().offset, "an empty condition", a_comparison);
        auto condition = read_any();
        if (condition && cursor_.peek().kind != Token::Kind::end)
            return tl::unexpected(stray("'and', 'or' or the end of the condition"));
        return condition;
    }

  private:
    using Result = tl::expected<Condition, ParseError>;

    static tl::unexpected<ParseError> fail(std::size_t offset, std::string what,
                                           std::string expected) {
        return tl::unexpected(ParseError{offset, std::move(what), std::move(expected)});
    }
    tl::unexpected<ParseError> unexpected(std::string expected) const {
        auto error = cursor_.unexpected(std::move(expected));
        error.what += did_you_mean(cursor_.peek());
        return tl::unexpected(std::move(error));
    }
    // After a complete comparison; most often the second word of a text without quotes.
    ParseError stray(std::string expected) const {
        const Token& token = cursor_.peek();
        const bool word = token.kind == Token::Kind::word && did_you_mean(token).empty();
        return unexpected(std::move(expected) + (word ? "; text with spaces needs quotes" : ""))
            .value();
    }

    Result read_any() { return read_chain(Condition::Kind::any, "or", &Parser::read_all); }
    Result read_all() { return read_chain(Condition::Kind::all, "and", &Parser::read_not); }

    // Chains are flat: `a or b or …` costs no depth.
    Result read_chain(Condition::Kind kind, std::string_view joint, Result (Parser::*read_part)()) {
        auto first = (this->*read_part)();
        if (!first || !cursor_.peek().is_word(joint))
            return first;
        Condition chain{kind, {}, {}};
        chain.children.push_back(std::move(*first));
        while (cursor_.peek().is_word(joint)) {
            cursor_.next();
            auto part = (this->*read_part)();
            if (!part)
                return part;
            chain.children.push_back(std::move(*part));
        }
        return chain;
    }

    Result read_not() {
        const bool negation = cursor_.peek().is_word("not");
        if (!negation && !group_ahead())
            return read_comparison();
        if (depth_ == deepest_nesting)
            return fail(cursor_.peek().offset, "more than 64 levels of ( ) and not",
                        "a flatter condition");
        cursor_.next();
        ++depth_;
        auto inner = negation ? read_not() : read_any();
        --depth_;
        if (!inner)
            return inner;
        if (!negation) {
            if (!cursor_.peek().is_symbol(")"))
                return tl::unexpected(stray("')', 'and' or 'or'"));
            cursor_.next();
            return inner;
        }
        Condition condition{Condition::Kind::none, {}, {}};
        condition.children.push_back(std::move(*inner));
        return condition;
    }

    // "(" begins a group unless it begins a tag: (0008,103E)
    [[nodiscard]] bool group_ahead() const {
        return cursor_.peek().is_symbol("(") && !cursor_.peek(2).is_symbol(",");
    }

    Result read_comparison() {
        const auto start = cursor_.peek().offset;
        Comparison comparison;
        if (const auto* prefix = find_operator(cursor_.peek().text);
            is_prefix(cursor_.peek(), prefix)) {
            cursor_.next();
            comparison.op = prefix;
        }
        auto error = comparison.op == nullptr ? check_lone_word() : std::nullopt;
        if (!error)
            error = read_subject(comparison.subject);
        if (!error && comparison.op == nullptr)
            error = read_operation(comparison);
        if (error)
            return tl::unexpected(std::move(*error));
        comparison.negated = comparison.negated != comparison.op->negated;
        comparison.text = text_.substr(start, cursor_.last_end() - start);
        Condition condition;
        condition.comparison.push_back(std::move(comparison));
        return condition;
    }

    static bool is_prefix(const Token& token, const Operator* op) {
        return op != nullptr && op->operand == Operand::none && token.kind == Token::Kind::word;
    }

    std::optional<ParseError> read_subject(Subject& subject) {
        const Token& token = cursor_.peek();
        if (token.kind == Token::Kind::word || token.kind == Token::Kind::symbol) {
            const bool starts_tag = token.is_symbol("(") || token.kind == Token::Kind::word;
            if (!starts_tag || is_reserved(token.text))
                return unexpected("a DICOM keyword, (gggg,eeee) or a context name").value();
            if ((subject.context = context_key_from(token.text)))
                return read_context(subject);
        }
        auto path = read_tag_path(cursor_, text_, dictionary_);
        if (!path)
            return std::move(path.error());
        subject.vr = path->steps.back().vr;
        subject.family = family_of(subject.vr);
        subject.key = canonical(*path);
        subject.text = path->text;
        subject.path = std::move(*path);
        return std::nullopt;
    }

    std::optional<ParseError> read_context(Subject& subject) {
        subject.text = subject.key = cursor_.next().text;
        subject.family = subject.context == ContextKey::peer_ip           ? Family::address
                         : subject.context == ContextKey::transfer_syntax ? Family::uid
                                                                          : Family::text;
        return std::nullopt;
    }

    // `Modality == CT or MR`, `NOT (…)`: say what is wrong with the sentence rather than with the
    // tag.
    [[nodiscard]] std::optional<ParseError> check_lone_word() const {
        const Token& token = cursor_.peek();
        if (token.kind != Token::Kind::word || is_reserved(token.text) ||
            dictionary_.by_keyword(token.text))
            return std::nullopt;
        if (!did_you_mean(token).empty())
            return unexpected("a DICOM keyword, (gggg,eeee) or a context name").value();
        const Token& after = cursor_.peek(1);
        const bool alone = after.kind == Token::Kind::end || after.is_symbol(")") ||
                           after.is_word("or") || after.is_word("and");
        if (!alone || token.offset == 0)
            return std::nullopt;
        return ParseError{token.offset, quoted(token.text) + " is not a comparison",
                          "a tag, an operator and a value; several values are written in [CT, MR]"};
    }

    std::optional<ParseError> read_operation(Comparison& comparison) {
        const bool negation = cursor_.peek().is_word("not");
        const Token& token = cursor_.peek(negation ? 1 : 0);
        const bool may_be = token.kind == Token::Kind::word || token.kind == Token::Kind::symbol;
        const auto* op = may_be ? find_operator(token.text) : nullptr;
        if (op != nullptr && op->operand == Operand::none)
            return ParseError{token.offset, "unexpected " + quoted(token.text) + " after the tag",
                              token.text + " " + comparison.subject.text};
        const bool negatable =
            op != nullptr && op->operand != Operand::value && op->operand != Operand::ordered;
        if (negation)
            cursor_.next();
        if (op == nullptr || (negation && !negatable))
            return unexpected(negation ? "in, contains or ~ after 'not'" : operator_list()).value();
        if (auto error = check_operator(comparison.subject, *op, token.offset))
            return error;
        cursor_.next();
        comparison.op = op;
        comparison.negated = negation;
        return read_operand(comparison);
    }

    static std::optional<ParseError> check_operator(const Subject& subject, const Operator& op,
                                                    std::size_t offset) {
        if (!is_comparable(subject.family))
            return ParseError{offset,
                              "'" + subject.text + "' (" + subject.vr +
                                  ") has no value that can be compared",
                              "exists " + subject.text + " or missing " + subject.text};
        if (op.operand == Operand::ordered && !is_ordered(subject.family))
            return ParseError{offset, "'" + subject.text + "' has no order", "==, != or in [...]"};
        return std::nullopt;
    }

    std::optional<ParseError> read_operand(Comparison& comparison) {
        switch (comparison.op->operand) {
        case Operand::list:
            return read_list(comparison);
        case Operand::text:
            return read_text(comparison);
        case Operand::pattern:
            return read_pattern(comparison);
        default:
            return read_literal(comparison);
        }
    }

    // The token of a value, bare or in quotes.
    tl::expected<const Token*, ParseError> read_value(const Subject& subject) {
        const Token& token = cursor_.peek();
        if (token.kind == Token::Kind::string)
            return &cursor_.next();
        if (token.kind != Token::Kind::word)
            return unexpected(std::string(names_of(subject.family).example));
        if (is_reserved(token.text))
            return fail(token.offset, quoted(token.text) + " is a word of the language",
                        "a value; in quotes if that word is meant");
        const auto star = token.text.find_first_of("*?");
        if (star != std::string::npos)
            return fail(token.offset + star,
                        quoted(token.text.substr(star, 1)) + " stands for nothing but itself here",
                        "quotes if that is meant, or a regular expression: ~ \"^CT\"");
        const bool text = subject.family == Family::text || subject.family == Family::unknown;
        if (text && dictionary_.by_keyword(token.text))
            return fail(token.offset,
                        quoted(token.text) + " is a tag, and tags are not compared with each other",
                        "a value; in quotes if that text is meant");
        return &cursor_.next();
    }

    std::optional<ParseError> read_literal(Comparison& comparison) {
        const Subject& subject = comparison.subject;
        const auto token = read_value(subject);
        if (!token)
            return token.error();
        const auto& value = **token;
        const auto names = names_of(subject.family);
        if (splits_values(subject.vr) && value.text.find('\\') != std::string::npos)
            return ParseError{value.offset,
                              "a backslash separates the values of '" + subject.text + "'",
                              "one value; a comparison holds if it holds for any value of the tag"};
        auto literal = Literal::make(subject.family, value.text, dictionary_);
        if (!literal)
            return ParseError{value.offset,
                              quoted(value.text, value.kind == Token::Kind::string ? '"' : '\'') +
                                  " is not " + std::string(names.noun) + ", which '" +
                                  subject.text + "' is compared as",
                              std::string(names.example)};
        if (literal->is_network() && comparison.op->operand != Operand::list)
            return ParseError{value.offset, quoted(value.text) + " is a network, not one address",
                              "in [" + value.text + "]"};
        comparison.operands.literals.push_back(std::move(*literal));
        return std::nullopt;
    }

    std::optional<ParseError> read_list(Comparison& comparison) {
        if (!cursor_.peek().is_symbol("["))
            return unexpected("a list in brackets, such as [CT, MR]").value();
        do {
            cursor_.next();
            if (comparison.operands.literals.size() == longest_list)
                return ParseError{cursor_.peek().offset, "more than 1000 values in a list",
                                  "a shorter list"};
            if (auto error = read_literal(comparison))
                return error;
        } while (cursor_.peek().is_symbol(","));
        if (!cursor_.peek().is_symbol("]"))
            return stray("',' or ']'");
        cursor_.next();
        return std::nullopt;
    }

    std::optional<ParseError> read_text(Comparison& comparison) {
        const auto token = read_value(comparison.subject);
        if (!token)
            return token.error();
        if ((*token)->text.empty())
            return ParseError{(*token)->offset, "every text contains the empty one", "some text"};
        comparison.operands.text = (*token)->text;
        return std::nullopt;
    }

    std::optional<ParseError> read_pattern(Comparison& comparison) {
        if (cursor_.peek().kind != Token::Kind::string)
            return unexpected("a regular expression in quotes, such as \"(?i)stroke\"").value();
        const Token& token = cursor_.next();
        auto pattern = compile_pattern(token.text);
        if (!pattern)
            return ParseError{token.offset, "bad regular expression: " + pattern.error(),
                              "RE2 syntax"};
        comparison.operands.pattern = std::move(*pattern);
        return std::nullopt;
    }

    std::string_view text_;
    const Dictionary& dictionary_;
    std::vector<Token> tokens_;
    TokenCursor cursor_;
    int depth_ = 0;
};

} // namespace

tl::expected<Condition, ParseError> parse_condition(std::string_view text,
                                                    const Dictionary& dictionary) {
    return Parser(text, dictionary).run();
}

} // namespace dcmflow::rules
