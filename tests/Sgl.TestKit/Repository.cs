namespace Sgl.TestKit;

/// <summary>Files of the repository.</summary>
public static class Repository
{
    /// <summary>A path in it.</summary>
    /// <param name="parts">Names below its root.</param>
    public static string Path(params string[] parts) => System.IO.Path.Combine([SharedData.RepositoryRoot, .. parts]);
}
