namespace Sgl.Cli.Internal;

/// <summary>Files that come with the repository, found from the current folder or from the program upwards.</summary>
internal static class RepositoryFiles
{
    /// <summary>The first place where <paramref name="relative"/> exists, or null.</summary>
    public static string? Find(string relative, Func<string, bool> exists) => new[] { Directory.GetCurrentDirectory(), AppContext.BaseDirectory }
        .SelectMany(Upwards)
        .Select(folder => Path.Combine(folder, relative))
        .FirstOrDefault(exists);

    private static IEnumerable<string> Upwards(string start)
    {
        for (var folder = new DirectoryInfo(start); folder is not null; folder = folder.Parent)
        {
            yield return folder.FullName;
        }
    }
}
