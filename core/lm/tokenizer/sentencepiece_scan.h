// A look at the bytes of a SentencePiece model before the library sees them: old versions of the
// library can be made to read out of bounds by a crafted file.
#pragma once

#include <string>
#include <string_view>

namespace retort {

/// Throws Error(kData) naming `where` unless the protobuf wire format is whole and the pieces are
/// sane: at most 2^20, each unique, 1..256 bytes, no NUL, finite score, known type, exactly one
/// unknown piece; and the normaliser's character map, if there is one, is one of SentencePiece's
/// own (ModelProto in sentencepiece_model.proto).
void CheckSentencePieceModel(std::string_view bytes, const std::string& where);

}  // namespace retort
