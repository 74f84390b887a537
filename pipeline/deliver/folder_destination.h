// FolderDestination: objects as Part 10 files below a folder, by a layout.
//
// Threads as destination.h says; several links and several processes may write below one folder.
// Delivered means: synced, under its final name. It never replaces a file: the same content is
// delivered already, other content under the same name goes beside it with a digest in its name. It
// makes folders below its root, never the root itself: a missing one is most likely a mount that is
// not there. Error texts name the root only, since a layout may put a patient's name in a path.
#pragma once

#include "pipeline/deliver/destination.h"
#include "pipeline/deliver/folder_layout.h"

#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace dcmflow {

class FolderDestination final : public Destination {
  public:
    // `config.target` must be a FolderTarget. A bad layout is told by connect().
    explicit FolderDestination(const DestinationConfig& config);
    [[nodiscard]] const std::string& name() const override { return name_; }
    [[nodiscard]] tl::expected<std::unique_ptr<Link>, ConnectError>
    connect(std::span<const Need> needs) override;
    [[nodiscard]] std::vector<ProbeStep> probe(std::span<const Need> needs) override;

  private:
    [[nodiscard]] std::string label() const;

    std::string name_;
    std::filesystem::path root_;
    Result<deliver::FolderLayout> layout_;
};

} // namespace dcmflow
