namespace Sgl.Fuzz.Internal;

/// <summary>Where seeds lie: beside the tests that own them, and in fuzz/corpus.</summary>
internal static class Corpus
{
    /// <summary>The repository.</summary>
    public static string Root { get; } = Up(AppContext.BaseDirectory) ?? Up(Directory.GetCurrentDirectory())
        ?? throw new InvalidOperationException("Sgl.sln was not found above the program or the current folder: the corpus lies in the repository.");

    /// <summary>Files below a folder of the repository.</summary>
    /// <param name="folder">Relative to the repository.</param>
    /// <param name="pattern">Of file names.</param>
    public static IEnumerable<Seed> Files(string folder, string pattern)
    {
        var path = Path.Combine(Root, folder);
        return Directory.Exists(path)
            ? Directory.EnumerateFiles(path, pattern, SearchOption.AllDirectories).Order(StringComparer.Ordinal).Select(f => new Seed(Path.GetRelativePath(path, f), File.ReadAllBytes(f)))
            : [];
    }

    /// <summary>A folder of the repository.</summary>
    public static string Folder(string relative) => Path.Combine(Root, relative);

    private static string? Up(string start)
    {
        for (var d = new DirectoryInfo(start); d is not null; d = d.Parent)
        {
            if (File.Exists(Path.Combine(d.FullName, "Sgl.sln")))
            {
                return d.FullName;
            }
        }

        return null;
    }
}
