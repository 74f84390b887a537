#include "pipeline/log.h"

#include <array>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <ctime>
#include <unistd.h>

namespace dcmflow {

namespace {

// Control characters and quotes would let a peer forge lines or break JSON: escape them.
void append_escaped(std::string& line, std::string_view text) {
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        if (c == '"' || c == '\\') {
            line += '\\';
            line += c;
        } else if (byte < 0x20 || byte == 0x7f) {
            std::array<char, 8> escape{};
            std::snprintf(escape.data(), escape.size(), "\\u%04x", byte);
            line += escape.data();
        } else {
            line += c;
        }
    }
}

bool needs_quotes(std::string_view text) {
    return text.empty() || text.find_first_of(" \"=\\") != std::string_view::npos ||
           text.find_first_of("\n\r\t") != std::string_view::npos;
}

class FdLogger final : public Logger {
  public:
    FdLogger(int fd, LogLevel least, bool json) : fd_(fd), least_(least), json_(json) {}

    void log(LogLevel level, std::string_view event,
             std::initializer_list<LogField> fields) override {
        if (level < least_)
            return;
        std::string line = json_ ? json_line(level, event, fields) : text_line(level, event, fields);
        // One write per line: lines of several threads do not mix (POSIX append and pipe rules).
        while (::write(fd_, line.data(), line.size()) < 0 && errno == EINTR) {
        }
    }

  private:
    static std::string text_line(LogLevel level, std::string_view event,
                                 std::initializer_list<LogField> fields) {
        std::string line = iso_time(unix_ms_now());
        line += ' ';
        line += to_string(level);
        line += ' ';
        line += event;
        for (const auto& [key, value] : fields) {
            line += ' ';
            line += key;
            line += '=';
            const bool quote = needs_quotes(value);
            if (quote)
                line += '"';
            append_escaped(line, value);
            if (quote)
                line += '"';
        }
        line += '\n';
        return line;
    }

    static std::string json_line(LogLevel level, std::string_view event,
                                 std::initializer_list<LogField> fields) {
        std::string line = "{\"time\":\"" + iso_time(unix_ms_now()) + "\",\"level\":\"";
        line += to_string(level);
        line += "\",\"event\":\"";
        append_escaped(line, event);
        line += '"';
        for (const auto& [key, value] : fields) {
            line += ",\"";
            append_escaped(line, key);
            line += "\":\"";
            append_escaped(line, value);
            line += '"';
        }
        line += "}\n";
        return line;
    }

    int fd_;
    LogLevel least_;
    bool json_;
};

class NullLogger final : public Logger {
  public:
    void log(LogLevel, std::string_view, std::initializer_list<LogField>) override {}
};

} // namespace

std::string_view to_string(LogLevel level) {
    switch (level) {
    case LogLevel::debug: return "debug";
    case LogLevel::info: return "info";
    case LogLevel::warning: return "warning";
    case LogLevel::error: return "error";
    case LogLevel::alarm: return "ALARM";
    }
    return "info";
}

std::unique_ptr<Logger> make_fd_logger(int fd, LogLevel least, bool json) {
    return std::make_unique<FdLogger>(fd, least, json);
}

std::unique_ptr<Logger> make_null_logger() { return std::make_unique<NullLogger>(); }

std::int64_t unix_ms_now() {
    return std::chrono::duration_cast<std::chrono::milliseconds>(
               std::chrono::system_clock::now().time_since_epoch())
        .count();
}

std::string iso_time(std::int64_t unix_ms) {
    const std::time_t seconds = static_cast<std::time_t>(unix_ms / 1000);
    std::tm utc{};
    ::gmtime_r(&seconds, &utc);
    std::array<char, 40> text{};
    const auto length = std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%S", &utc);
    std::snprintf(text.data() + length, text.size() - length, ".%03dZ", static_cast<int>(unix_ms % 1000));
    return text.data();
}

} // namespace dcmflow
