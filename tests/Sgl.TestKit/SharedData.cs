namespace Sgl.TestKit;

/// <summary>Finds data that lies outside the test assembly: the repository root, and golden data that is too much for the repository.</summary>
public static class SharedData
{
    /// <summary>The repository root: the nearest parent folder that holds <c>Sgl.sln</c>.</summary>
    public static string RepositoryRoot { get; } = FindUp(d => File.Exists(Path.Combine(d, "Sgl.sln")))
        ?? throw new InvalidOperationException("Sgl.sln was not found above the test assembly.");

    /// <summary>Where golden data may be: where the environment says, where <c>eng/goldens</c> puts it, in a folder <c>shared</c> beside the repository or further up.</summary>
    private static IReadOnlyList<string> Roots { get; } =
    [
        .. new[]
        {
            Environment.GetEnvironmentVariable("SGL_GOLDENS"),
            Path.Combine(RepositoryRoot, "artifacts", "goldens"),
            FindUp(d => Directory.Exists(Path.Combine(d, "shared", "goldens"))) is { } beside ? Path.Combine(beside, "shared") : null,
        }.Where(r => !string.IsNullOrEmpty(r)).OfType<string>(),
    ];

    /// <summary>A path of the golden data; the calling test is skipped, visibly, where it is missing (<c>tests/expected-skips.txt</c>).</summary>
    public static string Require(params string[] parts)
    {
        var path = Roots.Select(root => Path.Combine([root, .. parts])).FirstOrDefault(Path.Exists);
        Skip.If(path is null, $"shared/{string.Join('/', parts)} is not here: eng/goldens gets the golden data");
        return path!;
    }

    private static string? FindUp(Func<string, bool> matches)
    {
        for (var d = new DirectoryInfo(AppContext.BaseDirectory); d is not null; d = d.Parent)
        {
            if (matches(d.FullName))
            {
                return d.FullName;
            }
        }

        return null;
    }
}
