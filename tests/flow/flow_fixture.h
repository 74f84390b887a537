// What the flow tests share: a spool in a scratch folder, small images through the real intake, a destination that
// does as the test says.
#pragma once

#include "pipeline/deliver/destination.h"
#include "pipeline/flow.h"
#include "pipeline/lane.h"
#include "pipeline/receive/intake.h"
#include "pipeline/spool/spool.h"

#include <atomic>
#include <condition_variable>
#include <cstring>
#include <filesystem>
#include <functional>
#include <gtest/gtest.h>
#include <mutex>
#include <random>
#include <set>
#include <string>
#include <vector>

namespace dcmflow::test {

inline constexpr std::string_view ct_image = "1.2.840.10008.5.1.4.1.1.2";
inline constexpr std::string_view explicit_le = "1.2.840.10008.1.2.1";
inline constexpr std::string_view jpeg_ls = "1.2.840.10008.1.2.4.80";

// Explicit VR LE bytes of a small 12-bit image. `dirty`: data above Bits Stored.
inline std::vector<std::byte> small_image(const std::string& uid, unsigned seed, const std::string& modality = "CT",
                                          bool dirty = false, unsigned side = 32) {
    std::string out;
    const auto put = [&](unsigned group, unsigned element, const char* vr, std::string value, char pad) {
        if (value.size() % 2 != 0)
            value += pad;
        const unsigned short head[2]{static_cast<unsigned short>(group), static_cast<unsigned short>(element)};
        out.append(reinterpret_cast<const char*>(head), 4).append(vr, 2);
        if (std::string_view(vr) == "OW") {
            const auto length = static_cast<std::uint32_t>(value.size());
            out.append(2, '\0').append(reinterpret_cast<const char*>(&length), 4);
        } else {
            const auto length = static_cast<std::uint16_t>(value.size());
            out.append(reinterpret_cast<const char*>(&length), 2);
        }
        out += value;
    };
    const auto us = [](unsigned n) { return std::string{static_cast<char>(n & 0xff), static_cast<char>(n >> 8)}; };
    put(0x0008, 0x0016, "UI", std::string(ct_image), '\0');
    put(0x0008, 0x0018, "UI", uid, '\0');
    put(0x0008, 0x0060, "CS", modality, ' ');
    put(0x0010, 0x0020, "LO", "P1", ' ');
    put(0x0020, 0x000d, "UI", "2.25.1", '\0');
    put(0x0020, 0x000e, "UI", "2.25.2", '\0');
    put(0x0028, 0x0002, "US", us(1), ' ');
    put(0x0028, 0x0004, "CS", "MONOCHROME2 ", ' ');
    put(0x0028, 0x0010, "US", us(side), ' ');
    put(0x0028, 0x0011, "US", us(side), ' ');
    put(0x0028, 0x0100, "US", us(16), ' ');
    put(0x0028, 0x0101, "US", us(12), ' ');
    put(0x0028, 0x0102, "US", us(11), ' ');
    put(0x0028, 0x0103, "US", us(0), ' ');
    std::mt19937 random(seed);
    std::string pixels;
    for (unsigned i = 0; i < side * side; ++i)
        pixels += us(((i * 3 + random() % 8) & 0xfff) | (dirty && i == 5 ? 0x8000U : 0U));
    put(0x7fe0, 0x0010, "OW", pixels, '\0');
    std::vector<std::byte> bytes(out.size());
    std::memcpy(bytes.data(), out.data(), out.size());
    return bytes;
}

class ScratchFolder {
  public:
    ScratchFolder() {
        std::string name = (std::filesystem::temp_directory_path() / "dcmflow-flow-XXXXXX").string();
        path_ = ::mkdtemp(name.data());
    }
    ~ScratchFolder() {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }
    [[nodiscard]] const std::filesystem::path& path() const { return path_; }

  private:
    std::filesystem::path path_;
};

// Waits for a condition that other threads bring about; no fixed sleeps, a generous deadline.
inline bool eventually(const std::function<bool()>& condition) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while (!condition()) {
        if (std::chrono::steady_clock::now() > deadline)
            return false;
        std::this_thread::yield();
    }
    return true;
}

// What a FakeDestination is asked and does.
struct Script {
    std::mutex mutex;
    std::condition_variable changed;
    std::function<SendResult(const Parcel&, int nth)> send = [](const Parcel&, int) {
        return SendResult{.outcome = Outcome::delivered};
    };
    std::function<std::string()> connect = [] { return std::string(); }; // an error, or empty
    std::set<std::string, std::less<>> refused_syntaxes;
    std::vector<std::string> sent; // "uid syntax", in order
    int connects = 0;
    bool one_at_a_time = false; // connect waits while another link is open
    int open_links = 0;
    bool blocked = false; // sends wait
    bool aborted = false;
    int sending = 0;

    void block(bool on) {
        {
            const std::lock_guard lock(mutex);
            blocked = on;
        }
        changed.notify_all();
    }
    int count() {
        const std::lock_guard lock(mutex);
        return static_cast<int>(sent.size());
    }
    int waiting() {
        const std::lock_guard lock(mutex);
        return sending;
    }
};

class FakeLink final : public Link {
  public:
    FakeLink(Script& script, std::span<const Need> needs) : script_(script), needs_(needs.begin(), needs.end()) {}
    ~FakeLink() override {
        {
            const std::lock_guard lock(script_.mutex);
            --script_.open_links;
        }
        script_.changed.notify_all();
    }
    [[nodiscard]] bool takes(std::string_view, std::string_view syntax) const override {
        const std::lock_guard lock(script_.mutex);
        return !script_.refused_syntaxes.contains(syntax);
    }
    [[nodiscard]] bool asked(std::string_view sop_class, std::string_view syntax) const override {
        for (const auto& need : needs_)
            if (need.sop_class_uid == sop_class)
                for (const auto& uid : need.transfer_syntax_uids)
                    if (uid == syntax)
                        return true;
        return false;
    }
    [[nodiscard]] SendResult send(const Parcel& parcel) override {
        std::unique_lock lock(script_.mutex);
        ++script_.sending;
        script_.changed.wait(lock, [&] { return !script_.blocked || script_.aborted; });
        --script_.sending;
        if (script_.aborted) {
            usable_ = false;
            return {.outcome = Outcome::unknown, .text = "aborted"};
        }
        script_.sent.push_back(std::string(parcel.sop_instance_uid) + " " + std::string(parcel.transfer_syntax_uid));
        const auto result = script_.send(parcel, static_cast<int>(script_.sent.size()));
        usable_ = result.outcome != Outcome::unknown && result.outcome != Outcome::retry_link;
        return result;
    }
    [[nodiscard]] bool usable() const override { return usable_; }
    void abort() override {
        {
            const std::lock_guard lock(script_.mutex);
            script_.aborted = true;
        }
        script_.changed.notify_all();
    }

  private:
    Script& script_;
    std::vector<Need> needs_;
    std::atomic<bool> usable_{true};
};

class FakeDestination final : public Destination {
  public:
    FakeDestination(std::string name, Script& script) : name_(std::move(name)), script_(script) {}
    [[nodiscard]] const std::string& name() const override { return name_; }
    [[nodiscard]] tl::expected<std::unique_ptr<Link>, ConnectError> connect(std::span<const Need> needs) override {
        std::unique_lock lock(script_.mutex);
        script_.changed.wait(lock, [&] { return !script_.one_at_a_time || script_.open_links == 0; });
        ++script_.connects;
        if (auto error = script_.connect(); !error.empty())
            return tl::unexpected(ConnectError{false, error});
        ++script_.open_links;
        return std::make_unique<FakeLink>(script_, needs);
    }
    [[nodiscard]] std::vector<ProbeStep> probe(std::span<const Need>) override { return {}; }

  private:
    std::string name_;
    Script& script_;
};

// A spool with an intake whose rules send everything to the destinations of the config.
class FlowTest : public ::testing::Test {
  protected:
    static DestinationConfig destination(std::string name, std::vector<std::string> syntax) {
        DestinationConfig config;
        config.name = std::move(name);
        config.target = FolderTarget{};
        config.syntax = std::move(syntax);
        config.retry.first = std::chrono::milliseconds(1);
        config.retry.max = std::chrono::milliseconds(20);
        return config;
    }

    void open(std::vector<DestinationConfig> destinations, std::string stat_modality = "") {
        config.destinations = std::move(destinations);
        rules::Rule all;
        all.name = "all";
        for (const auto& d : config.destinations)
            all.send.push_back(d.name);
        if (stat_modality == "stat")
            all.priority = rules::Priority::stat;
        config.rules = std::make_shared<rules::Ruleset>(std::vector{all}, rules::Unmatched{});
        SpoolOptions options;
        options.folder = scratch.path() / "data";
        auto opened = Spool::open(options);
        ASSERT_TRUE(opened) << opened.error().text;
        spool = std::move(*opened);
        intake = std::make_unique<Intake>(*spool, config.rules, *logger);
        acceptance = std::make_unique<AcceptanceBook>(spool->journal());
    }

    void put(const std::string& uid, unsigned seed = 1, bool dirty = false, unsigned side = 32) {
        auto reception = intake->begin({"TEST", "DCMFLOW", "127.0.0.1", unix_ms_now()}, ct_image, uid, explicit_le);
        reception->write(small_image(uid, seed, "CT", dirty, side));
        const auto answer = reception->finish();
        ASSERT_EQ(answer.verdict, Verdict::stored) << answer.text;
    }

    [[nodiscard]] std::vector<QueueEntry> rows(bool undelivered_only = false) {
        spool->journal().flush();
        QueueFilter filter;
        filter.undelivered_only = undelivered_only;
        auto found = spool->journal().query(filter);
        return found ? *found : std::vector<QueueEntry>{};
    }
    [[nodiscard]] std::size_t in_state(DeliveryState state) {
        std::size_t count = 0;
        for (const auto& row : rows())
            count += row.delivery.state == state ? 1 : 0;
        return count;
    }

    ScratchFolder scratch;
    std::unique_ptr<Logger> logger = make_null_logger();
    Config config;
    codecs::Registry registry;
    Transcoder transcoder{registry};
    std::unique_ptr<Spool> spool;
    std::unique_ptr<Intake> intake;
    std::unique_ptr<AcceptanceBook> acceptance;
};

} // namespace dcmflow::test
