"""What is opened as an image, wherever one is: few formats, since a decoder of hostile files is as safe as its worst format, and no giants.

Left to itself the library tries some thirty formats, and for one of them starts another program.
"""

FORMATS = ("BMP", "GIF", "JPEG", "PNG", "TIFF", "WEBP")
PIXELS_MAX = 50_000_000
