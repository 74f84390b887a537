// A file: its meta information, the spool's private header included. What we write of what was read
// reads the same.
#include "pipeline/dicom/open_data_set.h"
#include "pipeline/dicom/part10.h"
#include "tests/fuzz/data_set_input.h"
#include "tests/fuzz/fuzz.h"

namespace dcmflow::fuzz {

namespace {

void check_spool_header(const FileMeta& meta) {
    const SpoolHeader header = make_spool_header(meta.sop_class_uid, meta.sop_instance_uid,
                                                 meta.transfer_syntax_uid, *meta.origin);
    require(header.digest_offset + 32 <= header.bytes.size(), "there is room for the digest");
    const auto again = read_file_meta(header.bytes);
    require(again.has_value() && again->origin.has_value(), "our spool header can be read");
    require(again->dataset_offset == header.bytes.size(), "the data set follows the header");
    require(!again->digest, "a new header has no digest");
    const SpoolHeader copy = make_spool_header(again->sop_class_uid, again->sop_instance_uid,
                                               again->transfer_syntax_uid, *again->origin);
    require(copy.bytes == header.bytes, "a header of what was read is the same");
}

} // namespace

void part10(Input input) {
    const auto meta = read_file_meta(input);
    if (!meta)
        return;
    require(meta->dataset_offset <= input.size(), "the data set lies in the file");
    require(is_valid_uid(meta->transfer_syntax_uid), "the transfer syntax is a UID");
    const auto header = make_file_meta(meta->sop_class_uid, meta->sop_instance_uid,
                                       meta->transfer_syntax_uid, "FUZZ");
    const auto again = read_file_meta(header);
    require(again.has_value(), "our file meta information can be read");
    // The two that the reader does not check are written clipped; the data set's are what counts.
    const bool uids = is_valid_uid(meta->sop_class_uid) && is_valid_uid(meta->sop_instance_uid);
    require(!uids || (again->sop_class_uid == meta->sop_class_uid &&
                      again->sop_instance_uid == meta->sop_instance_uid &&
                      again->transfer_syntax_uid == meta->transfer_syntax_uid),
            "our file meta information says the same");
    if (meta->origin)
        check_spool_header(*meta);
    (void)OpenedDataSet::open(input.subspan(static_cast<std::size_t>(meta->dataset_offset)),
                              meta->transfer_syntax_uid, {}, largest_inflated);
}

} // namespace dcmflow::fuzz
