#include "pipeline/committer.h"

#include "pipeline/dicom/part10.h"
#include "pipeline/thread_name.h"

#include <exception>

namespace dcmflow {

Committer::Committer(Spool& spool, Logger& logger)
    : spool_(spool), logger_(logger),
      thread_([this](const std::stop_token& stop) { run(stop); }) {}

Committer::~Committer() {
    thread_.request_stop();
    changed_.notify_all();
}

void Committer::push(JobPtr job) {
    {
        const std::lock_guard lock(mutex_);
        queue_.push_back(std::move(job));
    }
    changed_.notify_all();
}

void Committer::drain() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return queue_.empty() && !busy_; });
}

void Committer::run(const std::stop_token& stop) {
    name_this_thread("committer");
    std::unique_lock lock(mutex_);
    for (;;) {
        changed_.wait(lock, stop, [&] { return !queue_.empty(); });
        if (queue_.empty())
            return; // stopped, and nothing left
        JobPtr job = std::move(queue_.front());
        queue_.pop_front();
        busy_ = true;
        lock.unlock();
        try {
            commit(*job);
        } catch (const std::exception& error) {
            // The lease goes back with the job; the row is tried again.
            logger_.log(LogLevel::error, "commit_failed",
                        {{"sop_instance_uid", job->lease.row().instance.sop_instance_uid},
                         {"error", error.what()}});
        }
        job.reset();
        lock.lock();
        busy_ = false;
        changed_.notify_all();
    }
}

void Committer::commit(Job& job) {
    for (auto& planned : job.planned) {
        const auto made = job.made.find(planned.syntax);
        if (made == job.made.end() || made->second.cached)
            continue;
        if (!store(job, planned.syntax, made->second)) {
            planned.syntax = job.lease.row().instance.transfer_syntax_uid;
            planned.reason = to_string(TranscodeReason::write_failed);
        }
    }
    job.lease.plan(std::move(job.planned));
}

bool Committer::store(const Job& job, const std::string& syntax, Made& made) {
    const auto& instance = job.lease.row().instance;
    if (made.reason != TranscodeReason::ok)
        return false;
    auto put = [&]() -> Status {
        if (!made.writer) {
            auto writer = spool_.blobs().create_derived(Spool::derived_name(job.lease.row().id, syntax));
            if (!writer)
                return tl::unexpected(writer.error());
            made.writer = std::move(*writer);
            const auto meta = make_file_meta(instance.sop_class_uid, instance.sop_instance_uid, syntax,
                                             job.lease.row().origin.calling_aet);
            if (auto status = made.writer->write(meta); !status)
                return status;
            if (auto status = made.writer->write(made.bytes); !status)
                return status;
        }
        auto name = made.writer->commit();
        made.writer.reset();
        if (!name)
            return tl::unexpected(name.error());
        return {};
    };
    const auto status = put();
    made.bytes = {};
    made.cached = status.has_value();
    if (!status) {
        made.writer.reset();
        made.reason = TranscodeReason::write_failed;
        logger_.log(LogLevel::warning, "derived_not_written",
                    {{"sop_instance_uid", instance.sop_instance_uid}, {"error", status.error().text}});
    }
    return status.has_value();
}

} // namespace dcmflow
