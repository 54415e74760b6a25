// Values to payloads and back. (Interface while the rest is being written; see below for what is promised.)
#pragma once
