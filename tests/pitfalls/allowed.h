// Which images must be coded in which syntax, and for what reason the others are passed on: the
// table that keeps "everything passes untouched" from being a success.
//
// By codecs.md §4 row 1 (PS3.5 tables 8.2.2-1, 8.2.3-1, 8.2.4-1), less what our codecs' headers
// leave out because readers in the field misread it.
#pragma once

#include "tests/pitfalls/images.h"

namespace dcmflow::pitfalls {

inline bool must_be_coded(const PixelFormat& f, std::string_view to) {
    const bool gray =
        f.photometric == Photometric::monochrome1 || f.photometric == Photometric::monochrome2;
    const bool palette = f.photometric == Photometric::palette_color && !f.is_signed;
    const bool rgb = f.photometric == Photometric::rgb && !f.is_signed;
    const bool ybr = f.photometric == Photometric::ybr_full && !f.is_signed;
    const bool bytes = f.bits_allocated == 8, words = f.bits_allocated == 16;
    if (to == uid::rle) // rle.h: GDCM garbles 16-bit colour, and dies of unused bits in a byte
        return (bytes && f.bits_stored == 8 && (gray || palette || rgb || ybr)) ||
               ((words || f.bits_allocated == 32) && (gray || palette));
    if (!bytes && !words)
        return false;
    if (to == uid::jpeg_ls)
        return f.bits_stored >= 2 && (gray || palette || rgb || (ybr && bytes));
    // jpeg2000.h: viewers show negatives of signed 8-bit samples as 0.
    if (gray ? f.is_signed && bytes : !palette && !rgb && !ybr)
        return false;
    // htj2k.h: colour only with the reversible transform, which 16-bit colour may not have.
    return to == uid::jpeg2000 || gray || palette || (rgb && bytes);
}

// `unused_bits`: something but zeros or the sign lies outside Bits Stored, or High Bit is
// elsewhere.
inline std::string expected_reason(const PixelFormat& format, bool unused_bits,
                                   std::string_view to) {
    if (!must_be_coded(format, to))
        return "unsupported_target";
    return unused_bits && is_wavelet(to) ? "dirty_bits" : "ok";
}

} // namespace dcmflow::pitfalls
