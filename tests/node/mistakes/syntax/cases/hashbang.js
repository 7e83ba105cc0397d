#!/usr/bin/env node
}
