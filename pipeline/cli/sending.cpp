#include "pipeline/cli/sending.h"

#include <algorithm>

namespace dcmflow::cli {

namespace {

using Clock = std::chrono::steady_clock;

constexpr int max_attempts = 3; // of one object, when links break
constexpr int max_connects = 3; // in a row
constexpr std::chrono::milliseconds first_pause{500};

} // namespace

Sending::Sending(Destination& destination, std::vector<Item> items, Loader loader,
                 OnResult on_result)
    : destination_(destination), items_(std::move(items)), loader_(std::move(loader)),
      on_result_(std::move(on_result)) {
    for (std::size_t i = 0; i < items_.size(); ++i) {
        needs_[items_[i].sop_class_uid].insert(items_[i].transfer_syntax_uid);
        queue_.push_back({i, 0});
    }
}

Sending::~Sending() {
    for (auto& thread : threads_)
        thread.join();
}

void Sending::start(int associations) {
    running_ = associations;
    for (int i = 0; i < associations; ++i) {
        threads_.emplace_back([this] {
            work();
            const std::lock_guard lock(mutex_);
            --running_;
            ended_.notify_all();
        });
    }
}

bool Sending::wait_for(std::chrono::milliseconds patience) {
    std::unique_lock lock(mutex_);
    return ended_.wait_for(lock, patience, [this] { return running_ == 0; });
}

void Sending::finish() {
    Work left;
    while (next(left)) {
        ItemResult result;
        result.attempts = left.attempts;
        result.sent.outcome = Outcome::retry_link;
        {
            const std::lock_guard lock(mutex_);
            result.sent.text = connect_error_;
        }
        settle(left, result);
    }
}

Sending::Progress Sending::progress() const {
    const std::lock_guard lock(mutex_);
    return progress_;
}

bool Sending::next(Work& work) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return !queue_.empty() || in_hand_ == 0; });
    if (queue_.empty())
        return false;
    work = queue_.front();
    queue_.pop_front();
    ++in_hand_;
    return true;
}

void Sending::put_back(const Work& work) {
    const std::lock_guard lock(mutex_);
    queue_.push_front(work);
    --in_hand_;
    changed_.notify_all();
}

void Sending::settle(const Work& work, const ItemResult& result) {
    const std::lock_guard lock(mutex_);
    --in_hand_;
    changed_.notify_all();
    ++progress_.settled;
    if (result.sent.outcome == Outcome::delivered)
        progress_.bytes += items_[work.item].bytes;
    on_result_(work.item, result);
}

void Sending::work() {
    std::unique_ptr<Link> link;
    Work work;
    while (next(work)) {
        if (!ensure_link(link, items_[work.item])) {
            put_back(work); // another association may still do it
            return;
        }
        if (!send_one(link, work))
            link.reset();
    }
}

// False if the link is of no more use.
bool Sending::send_one(std::unique_ptr<Link>& link, Work work) {
    ItemResult result;
    const auto loaded = loader_(work.item);
    result.attempts = ++work.attempts;
    if (!loaded) {
        result.sent.outcome = Outcome::failed;
        result.sent.text = loaded.error().text;
        settle(work, result);
        return true;
    }
    const auto& item = items_[work.item];
    const Parcel parcel{
        item.sop_class_uid, item.sop_instance_uid, item.transfer_syntax_uid, loaded->data_set, {}};
    const auto start = Clock::now();
    result.sent = link->send(parcel);
    result.took = std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - start);
    const auto outcome = result.sent.outcome;
    const bool broke = outcome == Outcome::retry_link || outcome == Outcome::unknown;
    if (broke && work.attempts < max_attempts)
        put_back(work);
    else
        settle(work, result);
    return !broke && link->usable();
}

bool Sending::ensure_link(std::unique_ptr<Link>& link, const Item& item) {
    if (link && link->usable() && link->asked(item.sop_class_uid, item.transfer_syntax_uid))
        return true;
    link.reset();
    const auto needs = needs_from(item);
    for (int tries = 0; tries < max_connects; ++tries) {
        auto made = destination_.connect(needs);
        if (made) {
            link = std::move(*made);
            return true;
        }
        {
            const std::lock_guard lock(mutex_);
            connect_error_ = made.error().text;
        }
        if (made.error().permanent || tries + 1 == max_connects)
            return false;
        std::this_thread::sleep_for(first_pause * (1 << tries));
    }
    return false;
}

std::vector<Need> Sending::needs_from(const Item& first) const {
    std::vector<Need> needs{{first.sop_class_uid, {first.transfer_syntax_uid}}};
    for (const auto& [sop_class, syntaxes] : needs_)
        needs.push_back({sop_class, {syntaxes.begin(), syntaxes.end()}});
    return needs;
}

} // namespace dcmflow::cli
