namespace Sgl.Models;

/// <summary>Says in words what differs between two layout keys, which are written as <c>kind;name=value;name=value</c>.</summary>
public static class LayoutKeys
{
    /// <summary>The differences, from the first key to the second; empty where the keys are equal.</summary>
    /// <param name="one">A key.</param>
    /// <param name="other">Another.</param>
    public static IReadOnlyList<string> Differences(string one, string other)
    {
        ArgumentNullException.ThrowIfNull(one);
        ArgumentNullException.ThrowIfNull(other);
        if (one == other)
        {
            return [];
        }

        var (a, b) = (one.Split(';'), other.Split(';'));
        if (a[0] != b[0])
        {
            return [$"the families cut images in ways of their own: {one} and {other}"];
        }

        var (first, second) = (Values(a), Values(b));
        return
        [
            .. first.Keys.Union(second.Keys).Where(name => first.GetValueOrDefault(name) != second.GetValueOrDefault(name))
                .Select(name => $"{Meaning(a[0], name)}: {first.GetValueOrDefault(name, "none")} and {second.GetValueOrDefault(name, "none")}"),
        ];
    }

    private static Dictionary<string, string> Values(string[] parts) =>
        parts.Skip(1).Select(p => p.Split('=', 2)).ToDictionary(p => p[0], p => p.Length > 1 ? p[1] : "");

    private static string Meaning(string kind, string name) => (kind, name) switch
    {
        ("internvl", "tile") => "side of a tile in pixels",
        ("internvl", "tokens") => "visual tokens of a tile",
        ("internvl", "order") => "order of a tile's visual tokens (ps_version)",
        ("internvl", "tiles") => "tiles of an image (min_dynamic_patch, max_dynamic_patch; min_patches, max_patches)",
        ("internvl", "thumbnail") => "thumbnail behind the tiles (use_thumbnail)",
        ("internvl", "dynamic") => "tiling (dynamic_image_size)",
        ("qwen2vl", "patch") => "side of a patch in pixels",
        ("qwen2vl", "merge") => "patches that become one visual token, per side",
        ("qwen2vl", "pixels") => "limits of an image's pixels (min_pixels and max_pixels, or size, of the image processor)",
        ("llavaov", "anyres") => "limit of tiles (vision_aspect_ratio)",
        ("llavaov", "pinpoints") => "grids of tiles (image_grid_pinpoints)",
        _ => name,
    };
}
