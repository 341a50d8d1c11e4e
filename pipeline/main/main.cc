#include <iostream>
#include <string>
#include <vector>

#include "core/base/stop.h"
#include "pipeline/cli.h"

int main(int argc, char** argv) {
  retort::InstallStopHandlers();
  return retort::RunCommandLine(retort::RealEnv(), std::vector<std::string>(argv + 1, argv + argc),
                                std::cout, std::cerr);
}
