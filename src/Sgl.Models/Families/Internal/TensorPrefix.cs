namespace Sgl.Models.Internal;

/// <summary>Tells the layouts apart in which a family's tensors are stored.</summary>
internal static class TensorPrefix
{
    /// <summary>The first layout whose anchor exists; the first layout when none does, so that its names are reported as missing.</summary>
    public static T Choose<T>(Func<string, bool> contains, params ReadOnlySpan<(string Anchor, T Layout)> layouts)
    {
        foreach (var (anchor, layout) in layouts)
        {
            if (contains(anchor))
            {
                return layout;
            }
        }

        return layouts[0].Layout;
    }
}
