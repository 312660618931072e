namespace Sgl.Testing;

/// <summary>Finds data that lies outside the test assembly: the repository root, and the optional <c>shared</c> folder beside it.</summary>
public static class SharedData
{
    /// <summary>The repository root: the nearest parent folder that holds <c>Sgl.sln</c>.</summary>
    public static string RepositoryRoot { get; } = FindUp(d => File.Exists(Path.Combine(d, "Sgl.sln")))
        ?? throw new InvalidOperationException("Sgl.sln was not found above the test assembly.");

    /// <summary>The <c>shared</c> folder beside the repository, or null on a bare clone.</summary>
    public static string? Root { get; } = FindUp(d => Directory.Exists(Path.Combine(d, "shared", "goldens"))) is { } d
        ? Path.Combine(d, "shared")
        : null;

    /// <summary>A path under <c>shared</c>; the calling test is skipped, visibly, where the folder is missing.</summary>
    public static string Require(params string[] parts)
    {
        var path = Root is null ? null : Path.Combine([Root, .. parts]);
        Skip.If(path is null || !Path.Exists(path), $"shared/{string.Join('/', parts)} is not beside this repository");
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
