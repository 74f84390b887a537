// Logger: one line per event, for people (`key=value`) or machines (JSON Lines). UIDs only, never a patient's name.
//
// An interface that is handed in, not a global: two routers in one process log apart. Any thread.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace dcmflow {

enum class LogLevel : std::uint8_t { debug, info, warning, error, alarm }; // alarm: a promise is at stake
[[nodiscard]] std::string_view to_string(LogLevel level);

using LogField = std::pair<std::string_view, std::string>;

class Logger {
  public:
    virtual ~Logger() = default;
    // event: a short snake_case name that never changes ("stored", "delivered", "lane_down").
    virtual void log(LogLevel level, std::string_view event, std::initializer_list<LogField> fields) = 0;
};

// Writes whole lines to a file descriptor (stderr), at or above `least`.
[[nodiscard]] std::unique_ptr<Logger> make_fd_logger(int fd, LogLevel least, bool json);
// Swallows everything.
[[nodiscard]] std::unique_ptr<Logger> make_null_logger();

// Unix time in ms (stored times; every deadline uses steady_clock instead).
[[nodiscard]] std::int64_t unix_ms_now();
// "2026-11-25T13:20:00.123Z"
[[nodiscard]] std::string iso_time(std::int64_t unix_ms);

} // namespace dcmflow
