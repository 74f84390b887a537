// Door: accepts connections and settles associations, all of them at once, on one thread that never
// blocks.
//
//   listen ──► collecting a request ──► admitted: a thread of its own ──► its last word
//                 │ silent: ARTIM   └─► A-ASSOCIATE-RJ ──► closing until the ◄──┘
//   refused ◄─────┘                                        peer does (ARTIM)
//
// A connection that says nothing, or says it slowly, costs a descriptor and the bytes it sent. A
// rejection costs no thread. Owned by the DimseReceiver; run() is the body of the door's thread,
// the other verbs are for any thread. It reads no PDU but the first of a connection.
#pragma once

#include "pipeline/log.h"
#include "pipeline/receive/allow_list.h"
#include "pipeline/receive/association.h"
#include "pipeline/receive/limits.h"
#include "pipeline/receive/stream.h"

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <list>
#include <mutex>
#include <string>
#include <vector>

struct pollfd;

namespace dcmflow::scp {

struct DoorPolicy {
    AllowList allow;
    std::vector<std::string> called; // empty: any
};

class Door {
  public:
    // Takes the admission if there is a place for it; else false, and leaves it as it was.
    using Admit = std::function<bool(Admission&)>;

    Door(Listening listening, DoorPolicy policy, const DimseOptions& options,
         DimseCounters& counters, Logger& logger, Admit admit);
    void run();
    void stop_accepting(); // closes the listening sockets and what has no association yet
    void end();            // run() returns
    // Lets the peer read our last word: an early close would reset the connection.
    void close_gently(Stream stream);

  private:
    struct Visitor {
        Stream stream;
        Deadline deadline;
        std::vector<std::byte> request; // what came so far
        bool closing = false;
        bool gone = false;
    };

    void wait(std::vector<pollfd>& entries);
    void accept_from(const UniqueFd& listener);
    bool spend_reserve(int listener);
    void receive(Visitor& visitor);
    void collect(Visitor& visitor, std::span<const std::byte> bytes);
    void settle(Visitor& visitor, std::size_t request_bytes);
    void reject(Visitor& visitor, const Rejection& rejection, const AssociateRequest& request);
    void abort(Visitor& visitor, AbortReason reason, const std::string& why);
    void say(Visitor& visitor, std::span<const std::byte> last_word);
    void expire(Visitor& visitor);
    void sweep();
    void take_closing();
    void log_refusal(std::string_view event, const PeerIp& peer, const std::string& why);

    Listening listening_;
    const DoorPolicy policy_;
    const DimseOptions& options_;
    DimseCounters& counters_;
    Logger& logger_;
    const Admit admit_;
    std::size_t most_pending_;
    std::size_t pending_bytes_ = 0;
    UniqueFd reserve_; // given up to accept and close a connection when descriptors run out
    std::list<Visitor> visitors_; // oldest first
    std::vector<std::byte> scratch_;

    std::chrono::steady_clock::time_point log_second_{};
    std::size_t logged_ = 0, unlogged_ = 0;

    Signal wake_;
    Signal ended_;
    std::atomic<bool> accepting_{true};
    std::mutex mutex_;
    std::vector<Stream> closing_; // guarded by mutex_: handed in by workers
};

} // namespace dcmflow::scp
