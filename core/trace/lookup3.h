// Bob Jenkins' lookup3 hash ("hashlittle", public domain, 2006): the checksum of HDF5 metadata.
#pragma once

#include <cstdint>
#include <string_view>

namespace retort {

/// hashlittle(bytes, size, 0); Lookup3("Four score and seven years ago") == 0x17770551.
uint32_t Lookup3(std::string_view bytes);

}  // namespace retort
