using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Sgl.Bench;

/// <summary>The system's cache of files, of which a bench that starts cold needs to be rid.</summary>
internal static partial class FileCache
{
    private const int DontNeed = 4;

    /// <summary>Takes a checkpoint's files out of the cache, as far as nobody has them mapped. Linux only.</summary>
    public static void Drop(string folder)
    {
        if (!OperatingSystem.IsLinux())
        {
            return;
        }

        foreach (var path in Directory.EnumerateFiles(folder, "*.safetensors"))
        {
            using var file = File.OpenHandle(path);
            _ = Advise(file, 0, 0, DontNeed);
        }
    }

    [LibraryImport("libc", EntryPoint = "posix_fadvise")]
    private static partial int Advise(SafeFileHandle file, long offset, long length, int advice);
}
