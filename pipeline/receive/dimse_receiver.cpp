#include "pipeline/receive/dimse_receiver.h"

#include "pipeline/receive/association_pool.h"
#include "pipeline/receive/door.h"
#include "pipeline/thread_name.h"

#include <system_error>
#include <thread>
#include <utility>

namespace dcmflow {

// The pool goes before the door: its workers hand their streams to it.
struct DimseReceiver::Running {
    std::uint16_t port = 0;
    std::unique_ptr<scp::Door> door;
    std::unique_ptr<scp::AssociationPool> pool;
    std::thread door_thread;
};

DimseReceiver::DimseReceiver(DicomListenConfig listen, Intake& intake, Logger& logger,
                             DimseOptions options)
    : listen_(std::move(listen)), intake_(intake), logger_(logger), options_(options) {}

DimseReceiver::~DimseReceiver() {
    stop(std::chrono::steady_clock::now());
}

Status DimseReceiver::start() {
    if (running_)
        return fail(ErrorCode::conflict, "the DICOM receiver is running already");
    auto allow = scp::AllowList::parse(listen_.allow);
    if (!allow)
        return tl::unexpected(allow.error());
    auto listening = scp::listen_on(listen_.address, listen_.port);
    if (!listening)
        return tl::unexpected(listening.error());

    auto running = std::make_unique<Running>();
    running->port = listening->port;
    auto& pool = running->pool = std::make_unique<scp::AssociationPool>(
        listen_.max_associations, intake_, logger_, options_.times, counters_);
    running->door = std::make_unique<scp::Door>(
        std::move(*listening), scp::DoorPolicy{std::move(*allow), listen_.called}, options_,
        counters_, logger_,
        [&pool = *pool](scp::Admission& admission) { return pool.admit(admission); });
    auto& door = *running->door;
    pool->on_ended([&door](scp::Stream stream) { door.close_gently(std::move(stream)); });
    try {
        running->door_thread = std::thread([&door] {
            name_this_thread("dcm-door");
            door.run();
        });
    } catch (const std::system_error& error) {
        return fail(ErrorCode::io,
                    std::string("the DICOM receiver's thread cannot start: ") + error.what());
    }
    running_ = std::move(running);
    logger_.log(LogLevel::info, "listening",
                {{"address", listen_.address.empty() ? "all" : listen_.address},
                 {"port", std::to_string(running_->port)},
                 {"max_associations", std::to_string(listen_.max_associations)}});
    return {};
}

void DimseReceiver::stop(std::chrono::steady_clock::time_point deadline) {
    if (!running_)
        return;
    running_->door->stop_accepting();
    running_->pool->stop(deadline);
    running_->door->end();
    running_->door_thread.join();
    running_.reset();
}

std::uint16_t DimseReceiver::port() const {
    return running_ ? running_->port : 0;
}

} // namespace dcmflow
