namespace Sgl.Models.Internal;

/// <summary>Resolves symbolic links: the hub's cache stores every file of a folder as a link into a folder of blobs.</summary>
internal static class RealPath
{
    private const int MaximumLinks = 64;

    /// <summary>The path without any link in it, or null when a link leads nowhere.</summary>
    public static string? Resolve(string path)
    {
        var rest = new Stack<string>();
        Push(rest, Path.GetFullPath(path));
        var current = Path.GetPathRoot(Path.GetFullPath(path))!;
        var links = 0;
        while (rest.Count > 0)
        {
            var next = Path.Combine(current, rest.Pop());
            var info = new FileInfo(next);
            if (info.LinkTarget is not { } target)
            {
                current = next;
                continue;
            }

            if (++links > MaximumLinks)
            {
                return null;
            }

            var full = Path.GetFullPath(target, current);
            Push(rest, full);
            current = Path.GetPathRoot(full)!;
        }

        return Path.Exists(current) ? current : null;
    }

    private static void Push(Stack<string> rest, string fullPath)
    {
        var parts = fullPath[Path.GetPathRoot(fullPath)!.Length..].Split([Path.DirectorySeparatorChar, Path.AltDirectorySeparatorChar], StringSplitOptions.RemoveEmptyEntries);
        for (var i = parts.Length - 1; i >= 0; i--)
        {
            rest.Push(parts[i]);
        }
    }
}
