namespace Sgl.TestKit;

/// <summary>Pixels that show every fault of resampling, drawing and storing.</summary>
public static class Textures
{
    /// <summary>[height, width, 3]: the oracle's <c>picture</c>, blocks of pure black and white beside fine texture.</summary>
    public static byte[] Blocks(int width, int height, int seed)
    {
        var pixels = new byte[3 * width * height];
        var o = 0;
        for (var y = 0; y < height; y++)
        {
            for (var x = 0; x < width; x++)
            {
                for (var c = 0; c < 3; c++)
                {
                    var texture = ((x * x * 3) + (y * y * 5) + (x * y * 7 * (c + 1)) + (c * 91) + (seed * 13)) & 255;
                    var blocks = (((x / 9) + (y / 7) + c + seed) & 1) * 255;
                    pixels[o++] = (byte)((((x >> 4) + (y >> 4)) & 1) != 0 ? texture : blocks);
                }
            }
        }

        return pixels;
    }
}
