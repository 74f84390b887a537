#include "tests/receive/support.h"

#include "pipeline/dicom/part10.h"

#include <arpa/inet.h>
#include <array>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <fstream>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <random>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

extern char** environ;

namespace dcmflow::receive_test {

TempFolder::TempFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "dcmflow-receive-XXXXXX").native();
    if (mkdtemp(name.data()) == nullptr)
        std::abort();
    path_ = name;
}

TempFolder::~TempFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
}

std::string Log::Line::field(std::string_view name) const {
    for (const auto& [key, value] : fields)
        if (key == name)
            return value;
    return {};
}

void Log::log(LogLevel level, std::string_view event, std::initializer_list<LogField> fields) {
    Line line{level, std::string(event), {}};
    for (const auto& [key, value] : fields)
        line.fields.emplace_back(std::string(key), value);
    const std::lock_guard lock(mutex_);
    lines_.push_back(std::move(line));
    changed_.notify_all();
}

std::vector<Log::Line> Log::lines(std::string_view event) const {
    const std::lock_guard lock(mutex_);
    std::vector<Line> found;
    for (const auto& line : lines_)
        if (line.event == event)
            found.push_back(line);
    return found;
}

std::optional<Log::Line> Log::wait_for(std::string_view event, std::size_t n) const {
    std::unique_lock lock(mutex_);
    std::optional<Line> found;
    changed_.wait_for(lock, seconds(20), [&] {
        std::size_t seen = 0;
        for (const auto& line : lines_)
            if (line.event == event && ++seen == n)
                found = line;
        return found.has_value();
    });
    return found;
}

Site::Site(SiteOptions options) {
    auto opened = Spool::open({.folder = folder.path(), .quota = options.quota, .keep_free = 0});
    if (!opened)
        throw std::runtime_error(opened.error().text);
    spool = std::move(*opened);
    auto ruleset =
        std::make_shared<const rules::Ruleset>(std::move(options.rules), rules::Unmatched{});
    intake = std::make_unique<Intake>(*spool, std::move(ruleset), log, options.intake);
    const auto started =
        spool->start([this](const std::string& blob, std::span<const std::byte> file) {
            return intake->adopt(blob, file);
        });
    if (!started)
        throw std::runtime_error(started.error().text);
    receiver = std::make_unique<DimseReceiver>(options.listen, *intake, log, options.dimse);
    if (const auto status = receiver->start(); !status)
        throw std::runtime_error(status.error().text);
}

Site::~Site() {
    receiver->stop(std::chrono::steady_clock::now());
}

std::vector<InstanceRow> Site::rows() const {
    auto rows = spool->journal().instances(0, 100'000);
    return rows ? std::move(*rows) : std::vector<InstanceRow>{};
}

Bytes Site::data_set(const InstanceRow& row) const {
    const auto view = spool->blobs().open(row.instance.blob);
    if (!view)
        return {};
    const auto file = (*view)->bytes();
    const auto meta = read_file_meta(file);
    if (!meta)
        return {};
    const auto bytes = file.subspan(meta->dataset_offset);
    return {bytes.begin(), bytes.end()};
}

std::size_t Site::files(std::string_view name) const {
    std::size_t count = 0;
    std::error_code error;
    for (const auto& entry :
         std::filesystem::recursive_directory_iterator(folder.path() / name, error))
        if (entry.is_regular_file() && entry.path().extension() != ".txt")
            ++count;
    return count;
}

// --- objects
// -----------------------------------------------------------------------------------------------

namespace {

std::string even(std::string text, char pad) {
    if (text.size() % 2 != 0)
        text.push_back(pad);
    return text;
}

std::string noise(std::size_t bytes, unsigned content) {
    std::mt19937_64 random(content);
    std::string out(bytes, '\0');
    for (std::size_t at = 0; at < bytes; at += sizeof(std::uint64_t)) {
        const std::uint64_t value = random();
        std::memcpy(out.data() + at, &value, std::min(sizeof value, bytes - at));
    }
    return out;
}

test::DataSetBytes header_of(const std::string& uid, const std::string& sop_class) {
    test::DataSetBytes out;
    out.element(0x00080016, "UI", even(sop_class, '\0'))
        .element(0x00080018, "UI", even(uid, '\0'))
        .element(0x00080060, "CS", "CT")
        .element(0x00100010, "PN", "Secret^Name ")
        .element(0x00100020, "LO", "ID42")
        .element(0x0020000D, "UI", even("1.2.3.1", '\0'))
        .element(0x0020000E, "UI", even("1.2.3.2", '\0'));
    return out;
}

} // namespace

Bytes object(const std::string& uid, std::size_t pixel_bytes, unsigned content,
             const std::string& sop_class) {
    auto out = header_of(uid, sop_class);
    out.element(0x7FE00010, "OW", noise(pixel_bytes + pixel_bytes % 2, content));
    return out.bytes();
}

Bytes encapsulated_object(const std::string& uid, std::size_t fragment_bytes, unsigned content) {
    auto out = header_of(uid, ct_class);
    out.header(0x7FE00010, "OB", test::undefined_length)
        .item("")
        .item(noise(fragment_bytes + fragment_bytes % 2, content))
        .end_sequence();
    return out.bytes();
}

void write_part10(const std::filesystem::path& file, const std::string& sop_class,
                  const std::string& uid, const std::string& transfer_syntax,
                  const Bytes& data_set) {
    test::DataSetBytes meta;
    meta.element(0x00020001, "OB", std::string_view("\0\1", 2))
        .element(0x00020002, "UI", even(sop_class, '\0'))
        .element(0x00020003, "UI", even(uid, '\0'))
        .element(0x00020010, "UI", even(transfer_syntax, '\0'))
        .element(0x00020012, "UI", "1.2.3.4.");
    test::DataSetBytes length;
    std::string group_length(4, '\0');
    for (std::size_t i = 0; i < 4; ++i)
        group_length[i] = static_cast<char>(meta.bytes().size() >> (8 * i));
    length.element(0x00020000, "UL", group_length);
    std::ofstream out(file, std::ios::binary);
    out << std::string(128, '\0') << "DICM" << length.view() << meta.view();
    out.write(reinterpret_cast<const char*>(data_set.data()),
              static_cast<std::streamsize>(data_set.size()));
}

// --- the bare peer
// -----------------------------------------------------------------------------------------

namespace {

void add_number(Bytes& out, std::size_t value, int bytes) {
    for (int i = bytes - 1; i >= 0; --i)
        out.push_back(static_cast<std::byte>(value >> (8 * i)));
}

void add_text(Bytes& out, std::string_view text) {
    for (const char c : text)
        out.push_back(static_cast<std::byte>(c));
}

Bytes item(std::uint8_t type, const Bytes& value) {
    Bytes out{std::byte{type}, std::byte{0}};
    add_number(out, value.size(), 2);
    return out + value;
}

Bytes item(std::uint8_t type, std::string_view value) {
    Bytes bytes;
    add_text(bytes, value);
    return item(type, bytes);
}

std::string padded(std::string aet) {
    aet.resize(16, ' ');
    return aet;
}

} // namespace

Bytes operator+(Bytes left, const Bytes& right) {
    left.insert(left.end(), right.begin(), right.end());
    return left;
}

Bytes pdu(std::uint8_t type, const Bytes& body) {
    Bytes out{std::byte{type}, std::byte{0}};
    add_number(out, body.size(), 4);
    return out + body;
}

Bytes associate_rq(const std::vector<Proposal>& proposals, const std::string& calling,
                   const std::string& called, std::uint32_t max_pdu) {
    Bytes body;
    add_number(body, 1, 2);
    add_number(body, 0, 2);
    add_text(body, padded(called) + padded(calling) + std::string(32, '\0'));
    body = std::move(body) + item(0x10, "1.2.840.10008.3.1.1.1");
    std::size_t id = 1;
    for (const auto& proposal : proposals) {
        Bytes context;
        add_number(context, id, 1);
        add_number(context, 0, 3);
        context = std::move(context) + item(0x30, proposal.abstract_syntax);
        for (const auto& syntax : proposal.transfer_syntaxes)
            context = std::move(context) + item(0x40, syntax);
        body = std::move(body) + item(0x20, context);
        id += 2;
    }
    Bytes length;
    add_number(length, max_pdu, 4);
    body = std::move(body) + item(0x50, item(0x51, length) + item(0x52, "1.2.3.4.5"));
    return pdu(1, body);
}

Bytes pdv(std::uint8_t context, std::uint8_t control, std::span<const std::byte> fragment) {
    Bytes out;
    add_number(out, fragment.size() + 2, 4);
    add_number(out, context, 1);
    add_number(out, control, 1);
    out.insert(out.end(), fragment.begin(), fragment.end());
    return out;
}

Bytes command_element(std::uint16_t element, std::string_view value) {
    test::DataSetBytes out(test::implicit_le);
    out.u16(0).u16(element).u32(static_cast<std::uint32_t>(value.size())).raw(value);
    return out.bytes();
}

Bytes command_number(std::uint16_t element, std::uint16_t value) {
    const std::array<char, 2> bytes{static_cast<char>(value & 0xFF), static_cast<char>(value >> 8)};
    return command_element(element, {bytes.data(), bytes.size()});
}

Bytes echo_rq(std::uint16_t message_id) {
    return command_element(0x0002, even(verification, '\0')) + command_number(0x0100, 0x0030) +
           command_number(0x0110, message_id) + command_number(0x0800, 0x0101);
}

Bytes store_rq(const std::string& sop_class, const std::string& uid, std::uint16_t message_id) {
    return command_element(0x0002, even(sop_class, '\0')) + command_number(0x0100, 0x0001) +
           command_number(0x0110, message_id) + command_number(0x0700, 0) +
           command_number(0x0800, 0x0001) + command_element(0x1000, even(uid, '\0'));
}

Peer::Peer(std::uint16_t port, const std::string& address) {
    sockaddr_storage storage{};
    socklen_t length = 0;
    if (address.find(':') == std::string::npos) {
        auto* v4 = reinterpret_cast<sockaddr_in*>(&storage);
        v4->sin_family = AF_INET;
        v4->sin_port = htons(port);
        inet_pton(AF_INET, address.c_str(), &v4->sin_addr);
        length = sizeof *v4;
    } else {
        auto* v6 = reinterpret_cast<sockaddr_in6*>(&storage);
        v6->sin6_family = AF_INET6;
        v6->sin6_port = htons(port);
        inet_pton(AF_INET6, address.c_str(), &v6->sin6_addr);
        length = sizeof *v6;
    }
    fd_ = ::socket(storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (::connect(fd_, reinterpret_cast<sockaddr*>(&storage), length) != 0)
        close();
}

Peer::~Peer() {
    close();
}

Peer::Peer(Peer&& other) noexcept
    : answer(std::move(other.answer)), fd_(std::exchange(other.fd_, -1)) {}

void Peer::close() {
    if (fd_ >= 0)
        ::close(fd_);
    fd_ = -1;
}

void Peer::send(const Bytes& bytes) {
    for (std::size_t sent = 0; sent < bytes.size();) {
        const auto put = ::send(fd_, bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL);
        if (put <= 0)
            return;
        sent += static_cast<std::size_t>(put);
    }
}

Pdu Peer::read(milliseconds patience) {
    const auto deadline = std::chrono::steady_clock::now() + patience;
    Bytes got;
    std::size_t wanted = 6;
    while (got.size() < wanted) {
        pollfd entry{fd_, POLLIN, 0};
        const auto left =
            std::chrono::ceil<milliseconds>(deadline - std::chrono::steady_clock::now()).count();
        if (left <= 0 || poll(&entry, 1, static_cast<int>(left)) <= 0)
            return {255, {}};
        const auto had = got.size();
        got.resize(wanted);
        const auto more = ::recv(fd_, got.data() + had, wanted - had, 0);
        if (more <= 0)
            return {0, {}};
        got.resize(had + static_cast<std::size_t>(more));
        if (got.size() == 6)
            for (std::size_t i = 2, length = 0; i < 6; ++i, wanted = 6 + length)
                length = (length << 8) | std::to_integer<std::size_t>(got[i]);
    }
    return {std::to_integer<std::uint8_t>(got[0]), {got.begin() + 6, got.end()}};
}

bool Peer::associate(const std::vector<Proposal>& proposals, const std::string& calling,
                     const std::string& called) {
    send(associate_rq(proposals, calling, called));
    answer = read();
    return answer.type == 2;
}

std::uint8_t Peer::context_result(std::size_t index) const {
    std::size_t at = 68;
    while (at + 4 <= answer.body.size()) {
        const auto type = std::to_integer<unsigned>(answer.body[at]);
        const auto length = (std::to_integer<std::size_t>(answer.body[at + 2]) << 8) |
                            std::to_integer<std::size_t>(answer.body[at + 3]);
        if (type == 0x21 && index-- == 0)
            return std::to_integer<std::uint8_t>(answer.body[at + 6]);
        at += 4 + length;
    }
    return 255;
}

Response Peer::response() {
    const auto got = read(seconds(60));
    if (got.type != 4)
        return {};
    Response response;
    std::size_t at = 6;
    const auto little = [&](std::size_t from, std::size_t bytes) {
        std::size_t value = 0;
        for (std::size_t i = bytes; i-- > 0;)
            value = (value << 8) | std::to_integer<std::size_t>(got.body.at(from + i));
        return value;
    };
    while (at + 8 <= got.body.size()) {
        const auto element = little(at + 2, 2);
        const auto length = little(at + 4, 4);
        if (element == 0x0900)
            response.status = static_cast<std::uint16_t>(little(at + 8, 2));
        if (element == 0x0100)
            response.command = static_cast<std::uint16_t>(little(at + 8, 2));
        if (element == 0x0120)
            response.message_id = static_cast<std::uint16_t>(little(at + 8, 2));
        if (element == 0x0902)
            response.comment.assign(reinterpret_cast<const char*>(got.body.data() + at + 8),
                                    length);
        at += 8 + length;
    }
    return response;
}

Response Peer::store(const std::string& sop_class, const std::string& uid, const Bytes& data_set,
                     std::uint8_t context, std::size_t fragment) {
    send(pdu(4, pdv(context, 3, store_rq(sop_class, uid))));
    std::span<const std::byte> rest(data_set);
    do {
        const auto part = rest.first(std::min(fragment, rest.size()));
        rest = rest.subspan(part.size());
        send(pdu(4, pdv(context, rest.empty() ? 2 : 0, part)));
    } while (!rest.empty());
    return response();
}

Response Peer::echo(std::uint8_t context) {
    send(pdu(4, pdv(context, 3, echo_rq(7))));
    return response();
}

bool Peer::release() {
    send(pdu(5, Bytes(4)));
    return read().type == 6;
}

// --- processes
// ---------------------------------------------------------------------------------------------

Ended run(const std::vector<std::string>& command) {
    std::array<int, 2> pipe_ends{};
    if (pipe2(pipe_ends.data(), O_CLOEXEC) != 0)
        return {};
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, pipe_ends[1], 1);
    posix_spawn_file_actions_adddup2(&actions, pipe_ends[1], 2);
    std::vector<char*> arguments;
    for (const auto& argument : command)
        arguments.push_back(const_cast<char*>(argument.c_str()));
    arguments.push_back(nullptr);
    pid_t child = 0;
    const int failed =
        posix_spawnp(&child, arguments[0], &actions, nullptr, arguments.data(), environ);
    posix_spawn_file_actions_destroy(&actions);
    ::close(pipe_ends[1]);
    Ended ended;
    if (failed == 0) {
        std::array<char, 4096> part{};
        for (ssize_t got = 0; (got = ::read(pipe_ends[0], part.data(), part.size())) > 0;)
            ended.output.append(part.data(), static_cast<std::size_t>(got));
        int status = 0;
        waitpid(child, &status, 0);
        ended.code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    }
    ::close(pipe_ends[0]);
    return ended;
}

bool have_tool(const std::string& name) {
    return run({"which", name}).code == 0;
}

bool eventually(const std::function<bool()>& condition, milliseconds patience) {
    const auto deadline = std::chrono::steady_clock::now() + patience;
    while (!condition()) {
        if (std::chrono::steady_clock::now() > deadline)
            return false;
        std::this_thread::yield();
    }
    return true;
}

} // namespace dcmflow::receive_test
