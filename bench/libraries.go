package bench

import (
	_ "github.com/valyala/fasthttp"
)
