namespace Sgl.Text;

/// <summary>
/// A file that git-lfs left in place of the real one: cloning a model repository without the git-lfs extension gives a few lines of text for each
/// large file.
/// </summary>
public static class GitLfsPointer
{
    /// <summary>What such a file is and what to do about it; completes "found ...".</summary>
    public const string Description = "a git-lfs pointer in place of the file; get the file itself with 'git lfs pull' in the folder";

    // The pointer format allows no more.
    private const int LargestPointer = 1024;

    /// <summary>Whether these are the bytes of a pointer.</summary>
    /// <param name="content">The whole file.</param>
    public static bool Is(ReadOnlySpan<byte> content) =>
        content.Length < LargestPointer
        && (content.StartsWith("version https://git-lfs.github.com/spec/"u8) || content.StartsWith("version https://hawser.github.com/spec/"u8));

    /// <summary>Whether a file is a pointer; false where it cannot be read.</summary>
    /// <param name="path">The file.</param>
    public static bool IsAt(string path)
    {
        try
        {
            using var handle = File.OpenHandle(path);
            if (RandomAccess.GetLength(handle) >= LargestPointer)
            {
                return false;
            }

            Span<byte> content = stackalloc byte[LargestPointer];
            return Is(content[..RandomAccess.Read(handle, content, 0)]);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }
}
